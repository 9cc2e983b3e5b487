"""Operations that compare a run with its base and explain its failures."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from api.domain.auth.signing import SigningKey
from api.domain.causes.analysis import Cause
from api.domain.causes.run_analysis import BaseRun, RunAnalysis
from api.domain.errors import NoBaseRun
from api.domain.results.compare import compare
from api.domain.results.failure import failures_of
from api.domain.results.failure_code import FailureCode
from api.domain.results.judged_run import JudgedRun
from api.domain.results.runtime import RuntimeChanges
from api.domain.results.triage import FailingTest, NoDifference, in_fair_order, in_order_of_causes
from api.domain.results.triage_cursor import TriageCursors
from api.domain.runs.run import Run
from api.domain.runs.unexecuted import SkippedTest, skipped_tests
from api.handlers.results.causes import find_status
from api.handlers.runs.runs import api_base
from api.rendering import causes as render_causes
from api.rendering import triage as render_triage
from api.rendering.triage import LEAST_ENTRY, Causes, Failures
from api.services.results import verdicts
from api.services.results.analyses import AnalysisStatus
from api.services.results.baseline_reviews import view_of_cause
from api.services.results.comparisons import Basis, choose_base, compare_runtimes, explain_failures, find_history, with_tests
from api.services.results.first_differences import DifferenceFinder, Finding, Pair
from api.specfirst import request_context
from api.specfirst.responses.stored_answers import UnmadeAnswer
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.runs.expected_tests import list_active_tests


def compare_runs(run: Run, against: int | None = None) -> UnmadeAnswer | dict[str, Any]:
    """Compare a run with a base: what it fixed, broke, and what fails as before."""
    basis = _choose_base(run, against)
    if basis.base is None or basis.run is None:
        raise NoBaseRun(run.run_id)
    make = partial(_comparison, run, basis)
    if run.evidence is None or basis.version is None:
        return make()
    version = run, basis.version
    return UnmadeAnswer(version, make, lambda: version == (run, _choose_base(run, against).version))


def _choose_base(run: Run, against: int | None) -> Basis:
    return choose_base(run, against, request_context.values().main_repository, request_context.now())


def _comparison(run: Run, chosen: Basis) -> dict[str, Any]:
    tests = verdicts.judge_run(run).tests
    basis = with_tests(chosen, tests, request_context.now())
    return render_triage.comparison(
        run.run_id, basis, compare(basis.tests, tests), compare_runtimes(run, basis, tests), api_base())


def triage_run(
    run: Run, max_bytes: int, attribution: str | None = None, cluster: str | None = None, cursor: str | None = None,
) -> dict[str, Any]:
    """Show what failed in a run and why: the causes, and failures with their first difference, their history and what leads on."""
    judged = verdicts.judge_run(run)
    return triage_of(run, judged, find_status(run, judged), max_bytes, attribution, cluster, cursor)


def triage_of(
    run: Run, judged: JudgedRun, status: AnalysisStatus, max_bytes: int, attribution: str | None = None, cluster: str | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:
    """What failed in a run and why, by what is known of its analysis."""
    shown = _shown_now(run, judged) if status.found is None else _shown_of(status.found, judged)
    members = [each.cluster.regression_ids for each in shown.causes]
    wanted = [test for test in shown.failing if attribution in (None, test.origin)]
    if cluster is not None:
        own = {each for cause in shown.causes if cause.cluster.class_id == cluster for each in cause.cluster.regression_ids}
        wanted = [test for test in wanted if test.judged.test.regression_id in own]
    wanted = in_fair_order(wanted) if status.found is None else in_order_of_causes(wanted, members)
    cursors = TriageCursors(run.run_id, attribution, request_context.collaborator(SigningKey), cluster, status.name or "")
    start = cursors.start_of(cursor)
    # Those behind would not fit, however short they are.
    page = _with_differences(wanted[start:start + max_bytes // LEAST_ENTRY])
    return render_triage.triage(
        run, judged, _skipped(judged), shown.base, Failures(shown.failing, len(wanted), start, page, cursors), shown.runtimes,
        _causes(run, judged, status, shown.causes), api_base=api_base(), max_bytes=max_bytes)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is known of a run's failures: its base, its failing tests, runtimes, and causes as far as they are known."""

    base: BaseRun | None
    failing: Sequence[FailingTest]
    runtimes: RuntimeChanges
    causes: Sequence[Cause] = ()


def _shown_now(run: Run, judged: JudgedRun) -> _Shown:
    basis = with_tests(_choose_base(run, None), judged.tests, request_context.now())
    runtimes, since = find_history(run, basis, judged.tests)
    return _Shown(basis.shown, explain_failures(basis, judged.tests, since), runtimes)


def _shown_of(found: RunAnalysis, judged: JudgedRun) -> _Shown:
    known = found.by_id
    failing = [
        FailingTest(
            test, failures_of(test), each.since, each.in_base, each.analysed.attributed.origin, each.base_run_id, each.untested)
        for test in judged.tests if (each := known.get(test.test.regression_id)) is not None]
    return _Shown(found.base, failing, found.runtimes, found.causes)


def _causes(run: Run, judged: JudgedRun, status: AnalysisStatus, causes: Sequence[Cause]) -> Causes:
    tests = {test.test.regression_id: test for test in judged.tests}
    return render_causes.causes_in_triage(
        status, causes, tests, [view_of_cause(run.run_id, each, causes, tests) for each in causes])


def _skipped(judged: JudgedRun) -> tuple[SkippedTest, ...]:
    """The tests without a result of a run that is over; only then is it of interest which are in use."""
    active = list_active_tests() if judged.summary.skipped_count else frozenset[int]()
    return skipped_tests(judged.tests, judged.evidence.events, judged.evidence.origins, active)


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
