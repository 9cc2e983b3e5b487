"""Operations that compare a run with its base and explain its failures."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.domain.auth.signing import SigningKey
from api.domain.errors import NoBaseRun
from api.domain.results.compare import compare
from api.domain.results.failure_code import FailureCode
from api.domain.results.judged_run import JudgedRun
from api.domain.results.result import JudgedTest
from api.domain.results.triage import FailingTest, NoDifference, in_fair_order
from api.domain.results.triage_cursor import TriageCursors
from api.domain.runs.run import Run
from api.domain.runs.unexecuted import SkippedTest, skipped_tests
from api.handlers.runs import api_base
from api.rendering import triage as render_triage
from api.rendering.triage import LEAST_ENTRY, Failures
from api.services import verdicts
from api.services.comparisons import Basis, compare_runtimes, explain_failures, find_basis, find_history
from api.services.first_differences import DifferenceFinder, Finding, Pair
from api.specfirst import request_context
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.runs.expected_tests import list_active_tests


def compare_runs(run: Run, against: int | None = None) -> dict[str, Any]:
    """Compare a run with a base: what it fixed, broke, and what fails as before."""
    tests = verdicts.judge_run(run).tests
    basis = _basis(run, tests, against)
    if basis.base is None or basis.run is None:
        raise NoBaseRun(run.run_id)
    return render_triage.comparison(
        run.run_id, basis, compare(basis.tests, tests), compare_runtimes(run, basis, tests), api_base())


def triage_run(run: Run, max_bytes: int, attribution: str | None = None, cursor: str | None = None) -> dict[str, Any]:
    """Show what failed in a run, each failure with its first difference, its history and the call that leads on."""
    judged = verdicts.judge_run(run)
    basis = _basis(run, judged.tests, None)
    runtimes, since = find_history(run, basis, judged.tests)
    failing = explain_failures(basis, judged.tests, since)
    wanted = in_fair_order([test for test in failing if attribution in (None, test.origin)])
    cursors = TriageCursors(run.run_id, attribution, request_context.collaborator(SigningKey))
    start = cursors.start_of(cursor)
    # Those behind would not fit, however short they are.
    page = _with_differences(wanted[start:start + max_bytes // LEAST_ENTRY])
    return render_triage.triage(
        run, judged, _skipped(judged), basis, Failures(failing, len(wanted), start, page, cursors), runtimes,
        api_base=api_base(), max_bytes=max_bytes)


def _skipped(judged: JudgedRun) -> tuple[SkippedTest, ...]:
    """The tests without a result of a run that is over; only then is it of interest which are in use."""
    active = list_active_tests() if judged.summary.skipped_count else frozenset[int]()
    return skipped_tests(judged.tests, judged.evidence.events, judged.evidence.origins, active)


def _basis(run: Run, tests: Sequence[JudgedTest], against: int | None) -> Basis:
    return find_basis(run, tests, against, request_context.values().main_repository, request_context.now())


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
