"""Whole runs are judged by their evidence, by rules that have a version."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import product

import pytest

from api.domain.results.failure import failures_of
from api.domain.results.failure_code import RULES_VERSION
from api.domain.results.judged_run import Evidence, JudgedRun, judge_evidence
from api.domain.results.result import OutputReport, Report, TestReports, Verdict
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent, RunStatus
from tests.domain.results.judged_tests import BASELINE, OTHER, VARIANT, make_output, make_test

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
# What each version of the rules makes of the cases below. Rules that make something else of them have a new version, and a new line here.
OUTCOMES = {1: "e19cfaf0f6e16bb8"}

EXIT_CODES = (
    None, 0, 1, 2, 10, 100, *range(124, 160), 255, -1, -2, -6, -9, -11, -15, 3221225477 - 2**32, 3221225725 - 2**32, 3221226505 - 2**32,
    -2**31, 2**31 - 1)
RUNTIMES = (None, 0, 100, 600_000)
CAME = ({}, {1: None}, {1: OTHER}, {1: VARIANT}, {1: "error"}, {1: BASELINE.upper()}, {2: None}, {1: None, 2: OTHER})
OUTPUTS = ((), (make_output(),), (make_output(ignored=True),), (make_output(baseline=" "),), (make_output(), make_output(2, ignored=True)))
MESSAGES = (
    "", "Canceled by ada via API", "Build failed: make error 2", "[checkout] no such commit", "merge conflict in a.c",
    "VM provision failed", "disk full", "queue", "web server: 502", "PR closed", "git fetch failed",
    "Executed 1 of 2 regression tests. [storage] disk full")


def evidence(*tests: tuple[object, ...], events: tuple[ProgressEvent, ...] = (), origins: dict[int, EventOrigin] | None = None) -> Evidence:
    """Evidence of tests, each with what was reported of it."""
    return Evidence(
        ExpectedTests.of(test for test, _ in tests), {test.regression_id: reports for test, reports in tests if reports is not None},  # type: ignore[attr-defined,misc]
        events, origins or {}, {})


def event(phase: Phase, message: str = "", number: int = 1) -> ProgressEvent:
    return ProgressEvent(number, phase, NOW + timedelta(minutes=number), message)


def cases() -> Iterator[Evidence]:
    """Every exit code with every output and runtime, and every way in which a run can end, in small runs."""
    for exit_code, runtime, came, outputs in product(EXIT_CODES, RUNTIMES, CAME, OUTPUTS):
        test = make_test(outputs=outputs, expected_exit_code=10 if exit_code == 10 else 0)
        reports = TestReports(Report(42, exit_code, runtime), {number: OutputReport(42, number, got) for number, got in came.items()})
        yield evidence((test, reports), events=(event(Phase.TESTING), event(Phase.COMPLETED, number=2)))
    ended = TestReports(Report(42, 0, 100), {1: OutputReport(42, 1, None)})
    for phase, message, reports, origin in product(
            (None, *Phase), MESSAGES, (None, ended, TestReports(None, ended.outputs)), (None, *InfrastructureType)):
        events = () if phase is None else (event(Phase.TESTING), event(phase, message, 2))
        origins = {} if origin is None else {2: EventOrigin(origin)}
        yield evidence((make_test(), reports), (make_test(43), None), events=events, origins=origins)


def outcome(judged: JudgedRun) -> str:
    """All that is stored or shown of a run, as a text."""
    tests = [(test.verdict.value, [(each.code.value, each.signature) for each in failures_of(test)]) for test in judged.tests]
    return repr((judged.status.value, tests, asdict(judged.summary), [
        (each.key, each.type.value, each.severity.value, each.message) for each in judged.infrastructure]))


def test_rules_that_judge_otherwise_have_another_version() -> None:
    text = "\n".join(outcome(judge_evidence(case)) for case in cases())

    assert sha256(text.encode()).hexdigest()[:16] == OUTCOMES.get(RULES_VERSION), \
        "The rules judge otherwise: raise RULES_VERSION, so that stored verdicts are made again, and note the outcome here."
    assert max(OUTCOMES) == RULES_VERSION


@pytest.mark.parametrize(("reports", "verdict", "status"), [
    (TestReports(Report(42, 0, 100), {1: OutputReport(42, 1, None)}), Verdict.PASS, RunStatus.PASS),
    (TestReports(Report(42, 1, 100), {1: OutputReport(42, 1, None)}), Verdict.FAIL, RunStatus.FAIL),
    (None, Verdict.SKIPPED, RunStatus.INCOMPLETE),
])
def test_a_run_is_what_its_tests_come_to(reports: TestReports | None, verdict: Verdict, status: RunStatus) -> None:
    passed = TestReports(Report(43, 0, 100), {1: OutputReport(43, 1, None)})

    judged = judge_evidence(evidence(
        (make_test(), reports), (make_test(43), passed), events=(event(Phase.TESTING), event(Phase.COMPLETED, number=2))))

    assert ([test.verdict for test in judged.tests], judged.status) == ([verdict, Verdict.PASS], status)
    assert judged.summary.total_samples == 2
