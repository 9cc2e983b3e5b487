"""Both kinds of workers tell of one end of a program: verdicts, errors, triage, comparison, JUnit and history agree."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from tests.builders import MAIN_REPOSITORY, BuiltTest, Output, add_regression_test
from tests.handlers.site import Client, Site

RUNS = "/api/v1/runs"
OURS, SHELLS, WINDOWS, WINDOWS_SIGNED = -11, 139, 0xC0000005, 0xC0000005 - 2**32
ABORTED = 134


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who may see everything."""
    return site.as_role(Role.ADMIN)


def run_of(site: Site, client: Client, test: BuiltTest, exit_code: int, *, runtime_ms: int = 5) -> int:
    """A finished run in which the test's program ended so, and its output matched."""
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "a" * 40, "platform": "linux", "regression_test_ids": [test.regression_id]}
    run_id: int = client.post(RUNS, json=body).json()["run_id"]
    ids = {"test_id": test.regression_id}
    answers = [
        site.report(run_id, type="progress", status="testing", message=""),
        site.report(run_id, type="equality", test_file_id=test.output_id, **ids),
        site.report(run_id, type="finish", exitCode=exit_code, runTime=runtime_ms, **ids),
        site.report(run_id, type="progress", status="completed", message="")]
    assert [answer.text for answer in answers] == ["OK"] * 4
    return run_id


def asked(client: Client, path: str) -> dict[str, Any]:
    answer = client.get(f"{RUNS}/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("expected", [OURS, SHELLS, WINDOWS_SIGNED])
@pytest.mark.parametrize("ended", [OURS, SHELLS, WINDOWS, 2**32 - 11, 0xC00000FD])
def test_a_test_that_is_to_crash_and_does_passes_everywhere(site: Site, client: Client, expected: int, ended: int) -> None:
    test = add_regression_test(outputs=[Output()], expected_exit_code=expected)

    run_id = run_of(site, client, test, ended)

    assert asked(client, f"{run_id}")["status"] == "pass"
    assert asked(client, f"{run_id}/errors")["data"] == asked(client, f"{run_id}/infrastructure-errors")["data"] == []
    assert asked(client, f"{run_id}/triage")["failures"] == []
    assert 'failures="0" errors="0"' in client.get(f"{RUNS}/{run_id}/junit.xml").text
    history = client.get(f"/api/v1/samples/{test.sample_id}/history").json()["data"]
    assert [(entry["status"], entry["failure_signature"]) for entry in history] == [("pass", None)]


def test_runs_of_both_kinds_of_workers_show_no_change(site: Site, client: Client) -> None:
    passing, failing = (add_regression_test(outputs=[Output()], expected_exit_code=code) for code in (SHELLS, 0))
    base, passed = run_of(site, client, passing, OURS), run_of(site, client, passing, WINDOWS)
    broke, broken = run_of(site, client, failing, OURS), run_of(site, client, failing, WINDOWS)

    unchanged = asked(client, f"{passed}/compare?against={base}")
    same = asked(client, f"{broken}/compare?against={broke}")

    assert (unchanged["passing_count"], unchanged["fixed_count"], unchanged["broken_count"]) == (1, 0, 0)
    assert (same["failing_same_count"], same["failing_differently_count"]) == (1, 0)
    assert {asked(client, f"{each}/triage")["failures"][0]["signature"] for each in (broke, broken)} == {
        f"SEGFAULT:{failing.regression_id}:0"}


def test_another_crash_than_the_expected_one_fails(site: Site, client: Client) -> None:
    test = add_regression_test(outputs=[Output()], expected_exit_code=SHELLS)

    run_id = run_of(site, client, test, ABORTED)

    assert [error["type"] for error in asked(client, f"{run_id}/errors")["data"]] == ["test_failure"]


@pytest.mark.parametrize(("exit_code", "runtime_ms", "kinds"), [
    (-1, 600_000, ["test_failure"]), (2**32 - 1, 600_001, ["test_failure"]), (-1, 5, ["exit_code_mismatch"]), (124, 5, ["test_failure"])])
def test_minus_one_at_the_time_limit_is_the_time_limit(
    site: Site, client: Client, exit_code: int, runtime_ms: int, kinds: list[str],
) -> None:
    test = add_regression_test(outputs=[Output()])

    run_id = run_of(site, client, test, exit_code, runtime_ms=runtime_ms)

    assert [error["type"] for error in asked(client, f"{run_id}/errors")["data"]] == kinds
    assert len(asked(client, f"{run_id}/infrastructure-errors")["data"]) == kinds.count("test_failure")
