"""The status of a run, and its counts."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.failure import failures_in
from api.domain.results.result import Verdict
from api.domain.runs.run import Phase, Platform, Run, RunStatus
from api.domain.runs.status import run_status
from api.domain.runs.summary import summarize
from tests.domain.results.judging import OTHER, expected_test, judged, reported

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("phase", "verdicts", "status"), [
    (None, [], RunStatus.QUEUED),
    (Phase.PREPARATION, [], RunStatus.RUNNING),
    (Phase.TESTING, [Verdict.FAIL], RunStatus.RUNNING),
    (Phase.CANCELED, [Verdict.PASS], RunStatus.CANCELED),
    (Phase.COMPLETED, [], RunStatus.ERROR),
    (Phase.COMPLETED, [Verdict.SKIPPED, Verdict.SKIPPED], RunStatus.ERROR),
    (Phase.COMPLETED, [Verdict.PASS, Verdict.SKIPPED], RunStatus.INCOMPLETE),
    (Phase.COMPLETED, [Verdict.FAIL, Verdict.SKIPPED], RunStatus.INCOMPLETE),
    (Phase.COMPLETED, [Verdict.PASS, Verdict.FAIL], RunStatus.FAIL),
    (Phase.COMPLETED, [Verdict.PASS, Verdict.MISSING_OUTPUT], RunStatus.FAIL),
    (Phase.COMPLETED, [Verdict.PASS], RunStatus.PASS),
])
def test_a_runs_status_follows_from_its_phase_and_its_verdicts(phase: Phase | None, verdicts: list[Verdict], status: RunStatus) -> None:
    assert run_status(phase, verdicts) is status


@given(st.none() | st.sampled_from(Phase), st.lists(st.sampled_from(Verdict), max_size=6))
def test_a_run_is_over_exactly_when_its_phase_is(phase: Phase | None, verdicts: list[Verdict]) -> None:
    assert run_status(phase, verdicts).is_finished is (phase is not None and phase.is_finished)


CASES = st.lists(
    st.tuples(st.none() | st.sampled_from([0, 3, -11]), st.dictionaries(st.just("o5"), st.none() | st.just(OTHER))), max_size=8)


@given(CASES, st.none() | st.sampled_from(Phase))
def test_the_counts_of_a_run_add_up(cases: list[tuple[int | None, dict[str, str | None]]], phase: Phase | None) -> None:
    tests = [
        judged(expected_test(number), reported(expected_test(number), exit_code=code, **outputs), phase)
        for number, (code, outputs) in enumerate(cases, 1)]

    counts = summarize(tests, [])

    parts = (counts.pass_count, counts.fail_count, counts.missing_output_count, counts.skipped_count, counts.pending_count)
    assert sum(parts) == counts.total_samples == len(tests)
    assert counts.error_count == len(failures_in(tests))
    assert counts.infrastructure_error_count == 0


def test_a_runs_duration_is_known_once_it_ran_and_ended() -> None:
    run = Run(1, RunStatus.PASS, Platform.LINUX, "o/r", None, "c", None, START, None, START, START + timedelta(seconds=1.5))

    assert run.duration_ms == 1500
    assert Run(1, RunStatus.RUNNING, Platform.LINUX, "o/r", None, "c", None, START, None, START).duration_ms is None
