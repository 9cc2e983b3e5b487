"""What is told of a run's analysis, and of which runs there is none."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.domain.causes.analysis import Analysed
from api.domain.causes.attribution import Attributed, Confidence, Reason
from api.domain.causes.run_analysis import Explained, NotAnalysed, RunAnalysis, reason_not_analysed
from api.domain.results.base_run import PastRun
from api.domain.results.judged_run import Evidence, JudgedRun
from api.domain.results.origin import FailingSince, Origin
from api.domain.results.result import NOTHING_REPORTED, JudgedTest, Verdict
from api.domain.results.runtime import RuntimeChanges
from api.domain.runs.expected_tests import ExpectedTest, ExpectedTests
from api.domain.runs.run import RunStatus

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TEST = ExpectedTest(1, 1, "d" * 64, ".ts", "", "file", "file", 0)


def judged(status: RunStatus, *verdicts: Verdict) -> JudgedRun:
    tests = tuple(JudgedTest(TEST, NOTHING_REPORTED, verdict) for verdict in verdicts)
    return JudgedRun(Evidence(ExpectedTests(()), {}, (), {}, {}), status, tests, ())


@pytest.mark.parametrize(("run", "reason"), [
    (judged(RunStatus.RUNNING, Verdict.PASS), NotAnalysed.NOT_OVER),
    (judged(RunStatus.ERROR), NotAnalysed.NO_RESULTS),
    (judged(RunStatus.CANCELED, Verdict.SKIPPED), NotAnalysed.NO_RESULTS),
    (judged(RunStatus.INCOMPLETE, Verdict.PASS, Verdict.FAIL, Verdict.SKIPPED), NotAnalysed.TOO_FEW_RESULTS),
    (judged(RunStatus.INCOMPLETE, Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.SKIPPED), None),
    (judged(RunStatus.PASS, Verdict.PASS), None)])
def test_a_run_is_analysed_where_three_quarters_of_its_tests_have_a_result(run: JudgedRun, reason: NotAnalysed | None) -> None:
    assert reason_not_analysed(run) is reason


def test_failing_tests_are_found_by_their_ids() -> None:
    analysed = Analysed(7, 1, (), (), Attributed(Origin.UNKNOWN, Reason.NO_BASE, Confidence.UNCERTAIN), ())
    explained = Explained(analysed, FailingSince(PastRun(1, "a" * 40, NOW), at_least=True), "unknown")

    assert RunAnalysis(None, RuntimeChanges(0, 0, None, False, (), ()), (explained,), ()).by_id == {7: explained}
