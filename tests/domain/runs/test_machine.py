"""The names of machines' claims, and how often they report."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.errors import NotFound
from api.domain.runs.machine import (
    TOKEN_PREFIX,
    JobClaim,
    MachineLeft,
    RunClaim,
    always,
    find_claim,
    machine_token,
    parse_claim,
    parse_job_claim,
    parse_run_claim,
    present,
    report_pause,
)

CLAIMS, RATES, LEASES = st.integers(0, 100_000), st.integers(1, 1000), st.integers(10, 3600)
JOB = "550e8400-e29b-41d4-a716-446655440000"
RUN_CLAIM, JOB_CLAIM = RunClaim(9317, 2), JobClaim(JOB, 3)


@pytest.mark.parametrize("claim", [RUN_CLAIM, JOB_CLAIM])
def test_a_claim_is_found_by_its_name(claim: RunClaim | JobClaim) -> None:
    assert find_claim(str(claim)) == parse_claim(str(claim)) == claim


@pytest.mark.parametrize("name", [
    "", "run-0-1", "run-1-0", "run-1", "run-99999999999-1", "run-2147483648-1", f"job-{JOB}", f"job-{JOB}-0", f"job-{JOB.upper()}-1",
    "job-1-1", f"run-{JOB}-1", " run-1-1"])
def test_what_is_no_such_name_is_no_claim(name: str) -> None:
    assert find_claim(name) is None
    for parse in (parse_claim, parse_run_claim, parse_job_claim):
        with pytest.raises(NotFound):
            parse(name)


def test_a_claim_on_a_run_is_none_on_a_job_nor_the_other_way_round() -> None:
    assert (parse_run_claim(str(RUN_CLAIM)), parse_job_claim(str(JOB_CLAIM))) == (RUN_CLAIM, JOB_CLAIM)
    with pytest.raises(NotFound):
        parse_run_claim(str(JOB_CLAIM))
    with pytest.raises(NotFound):
        parse_job_claim(str(RUN_CLAIM))


def test_what_was_claimed_is_kept_while_its_machine_is_there_and_nothing_is_lost_by_one_that_left() -> None:
    assert (present(RUN_CLAIM, always), present(None, lambda: False)) == (RUN_CLAIM, None)
    with pytest.raises(MachineLeft):
        present(RUN_CLAIM, lambda: False)


def test_a_token_is_its_prefix_and_the_32_bytes_in_the_alphabet_of_addresses() -> None:
    assert machine_token(bytes(32)) == f"{TOKEN_PREFIX}{'A' * 43}"
    assert machine_token(b"\xff" * 32) == f"{TOKEN_PREFIX}{'_' * 42}8"


@given(CLAIMS, RATES, LEASES)
def test_reports_come_as_often_as_asked_for_or_leases_would_end(claims: int, per_second: int, lease: int) -> None:
    pause = report_pause(claims, per_second, lease)

    assert 0 <= pause <= lease / 4
    if 0 < pause < lease / 4:
        assert claims / pause == pytest.approx(per_second)


@given(CLAIMS, RATES, LEASES)
def test_one_claim_more_never_makes_reports_more_frequent(claims: int, per_second: int, lease: int) -> None:
    assert report_pause(claims, per_second, lease) <= report_pause(claims + 1, per_second, lease)
