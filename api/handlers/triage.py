"""Operations that compare a run with its base and explain its failures."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.domain.errors import NoBaseRun
from api.domain.results.compare import BaseReason, Bucket, compare
from api.domain.results.failure import failures_of
from api.domain.results.failure_code import FailureCode
from api.domain.results.judged_run import JudgedRun
from api.domain.results.result import JudgedTest
from api.domain.results.runtime import RuntimeChanges, runtime_changes
from api.domain.results.triage import NoDifference, PastRun, failing_since
from api.domain.runs.run import Run
from api.domain.runs.unexecuted import SkippedTest, skipped_tests
from api.handlers.runs import api_base
from api.rendering import triage as render_triage
from api.rendering.triage import FailingTest
from api.services import runs, verdicts
from api.services.first_differences import DifferenceFinder, Finding, Pair
from api.specfirst import request_context
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.results.history import list_past_reports
from api.storage.runs.base_run import Base, choose_base, list_past_runs, verdicts_in
from api.storage.runs.expected_tests import list_active_tests

IN_BASE = {
    Bucket.FAILING_SAME: "failing_same", Bucket.FAILING_DIFFERENTLY: "failing_differently", Bucket.BROKEN: "passing",
    Bucket.NOT_COMPARABLE: "unknown"}


def compare_runs(run: Run, against: int | None = None) -> dict[str, Any]:
    """Compare a run with a base: what it fixed, broke, and what fails as before."""
    base = _base_of(run, against)
    if base is None:
        raise NoBaseRun(run.run_id)
    other = runs.show_run(base.run_id, request_context.now())
    judged = _judged(run)
    shown_base = render_triage.linked_base_run(other, base.reason, api_base())
    return render_triage.comparison(run.run_id, shown_base, compare(_judged(other), judged), _runtimes(run, base, judged))


def triage_run(run: Run, max_bytes: int) -> dict[str, Any]:
    """Show what failed in a run, each failure with its first difference, its history and the call that leads on."""
    judged = verdicts.judge_run(run)
    base = _base_of(run, None)
    other = None if base is None else runs.show_run(base.run_id, request_context.now())
    shown_base = None if base is None or other is None else render_triage.base_run(other, base.reason)
    failing = [test for test in judged.tests if test.verdict.is_failure]
    tests = _with_differences(_with_history(run, failing, [] if other is None else _judged(other)))
    return render_triage.triage(
        run, judged.summary, judged.infrastructure, _skipped(judged), shown_base, tests, _runtimes(run, base, judged.tests),
        api_base=api_base(), max_bytes=max_bytes)


def _skipped(judged: JudgedRun) -> tuple[SkippedTest, ...]:
    """The tests without a result of a run that is over; only then is it of interest which are in use."""
    active = list_active_tests() if judged.summary.skipped_count else frozenset[int]()
    return skipped_tests(judged.tests, judged.evidence.events, judged.evidence.origins, active)


def _judged(run: Run) -> tuple[JudgedTest, ...]:
    return verdicts.judge_run(run).tests


def _base_of(run: Run, against: int | None) -> Base | None:
    if against is not None:
        return Base(against, BaseReason.REQUESTED)
    return choose_base(run, request_context.values().main_repository)


def _runtimes(run: Run, base: Base | None, tests: Sequence[JudgedTest]) -> RuntimeChanges:
    past = [] if base is None else list_past_reports(run, base, request_context.values().main_repository)
    return runtime_changes(tests, past)


def _with_history(run: Run, failing: Sequence[JudgedTest], base: Sequence[JudgedTest]) -> list[FailingTest]:
    past = list_past_runs(run, request_context.values().main_repository)
    past_verdicts = verdicts_in(past, [test.test.regression_id for test in failing])
    known = {test.regression_id: test.bucket for test in compare(base, failing)}
    present = PastRun(run.run_id, run.commit, run.created_at)
    return [
        FailingTest(
            test, failures_of(test), failing_since(past, past_verdicts.get(test.test.regression_id, {}), present),
            IN_BASE[known[test.test.regression_id]])
        for test in failing]


def _with_differences(tests: Sequence[FailingTest]) -> list[FailingTest]:
    pairs = {test.judged.test.regression_id: pair for test in tests if (pair := _differing_files(test)) is not None}
    found = request_context.collaborator(DifferenceFinder).find(list(pairs.values()), request_context.collaborator(Archive))
    return [_with_difference(test, pairs, found) for test in tests]


def _with_difference(test: FailingTest, pairs: Mapping[int, Pair], found: Mapping[Pair, Finding]) -> FailingTest:
    pair = pairs.get(test.judged.test.regression_id)
    if pair is not None:
        return replace(test, output_id=pair.output_id, difference=found[pair])
    differs = any(failure.code is FailureCode.OUTPUT_DIFF for failure in test.failures)
    return replace(test, difference=NoDifference.FILE_MISSING) if differs else test


def _differing_files(test: FailingTest) -> Pair | None:
    """The first output that differs: where its baseline and what came in its place are stored."""
    differing = next((failure.output_id for failure in test.failures if failure.code is FailureCode.OUTPUT_DIFF), None)
    output = None if differing is None else test.judged.test.output(differing)
    reported = None if differing is None else test.judged.reports.outputs.get(differing)
    if output is None or reported is None:
        return None
    expected = paths.result_name(output.baseline, output.extension)
    actual = paths.result_name(reported.got, output.extension)
    return None if expected is None or actual is None else Pair(output.output_id, expected, actual)
