"""Brings together what a run is compared with: its base, earlier results of tests that the base lacks, runtimes and histories."""
from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

import orjson

from api.domain.causes.run_analysis import BaseRun
from api.domain.results.base_run import Base, BaseReason, Line, PastRun
from api.domain.results.compare import compare
from api.domain.results.failure import failures_of
from api.domain.results.origin import FailingSince, PastResult, failing_since, origin_of
from api.domain.results.result import JudgedTest, Verdict
from api.domain.results.runtime import PAST_RUNS, PastReports, RuntimeChanges, runtime_changes
from api.domain.results.triage import IN_BASE, FailingTest
from api.domain.runs.run import Run
from api.services.results import verdicts
from api.services.runs import runs
from api.storage.results.evidence import load_past_reports
from api.storage.runs.line import load_line, verdicts_in

# In so many runs besides the base it is looked for results of tests that the base lacks.
OTHER_BASES = 3


@dataclass(frozen=True, slots=True)
class Basis:
    """What a run is compared with: its line, the base, and the tests as they were there.

    `others`: for a test without a result in the base, the run that it is compared with, by regression id.
    """

    line: Line = Line()
    base: Base | None = None
    run: Run | None = None
    tests: tuple[JudgedTest, ...] = ()
    others: Mapping[int, int] = field(default_factory=dict)

    @property
    def version(self) -> Hashable | None:
        """Another value whenever what is said of the base, its tests or its line may be another; None while the base is not over."""
        if self.run is None or self.run.evidence is None:
            return None
        return self.run, blake2b(orjson.dumps(self.line), digest_size=16).digest()

    @property
    def shown(self) -> BaseRun | None:
        """The base as it is shown; None where there is none."""
        if self.base is None or self.run is None:
            return None
        found = self.run
        return BaseRun(found.run_id, found.commit, found.branch, found.status, self.base.reason, self.line.between(found.run_id))

    def run_of(self, regression_id: int) -> int | None:
        """The run that a test is compared with."""
        return self.others.get(regression_id) or (None if self.base is None else self.base.run_id)

    def untested(self, regression_id: int) -> tuple[str, ...]:
        """The commits between that run and the one that is compared, none of which has a result of the test."""
        run_id = self.run_of(regression_id)
        return () if run_id is None else self.line.between(run_id)


def find_basis(run: Run, tests: Sequence[JudgedTest], against: int | None, main_repository: str, now: datetime) -> Basis:
    """What a run's tests are compared with: the base on its line, or the run that was asked for. Raises NotFound for that one."""
    return with_tests(choose_base(run, against, main_repository, now), tests, now)


def choose_base(run: Run, against: int | None, main_repository: str, now: datetime) -> Basis:
    """What a run is compared with, before any tests are looked at. Raises NotFound for a run that was asked for and is not there."""
    if against is not None:
        other = runs.show_run(against, now)
        line = Line()
        if other.platform is run.platform:
            past, before = PastRun(other.run_id, other.commit, other.created_at, other.environment_id), load_line(other, main_repository)
            names = (name for each, name in zip(before.runs, before.evidence, strict=True) if not each.is_own)
            line = Line((past, *before.bases), evidence=(other.evidence, *names))
        return Basis(line, Base(against, BaseReason.REQUESTED), other)
    line = load_line(run, main_repository)
    return Basis(line) if line.base is None else Basis(line, line.base, runs.show_run(line.base.run_id, now))


def with_tests(basis: Basis, tests: Sequence[JudgedTest], now: datetime) -> Basis:
    """The tests of a base as they were there; those of its line that it has no result of, as they were in the nearest run that has."""
    if basis.base is None or basis.run is None:
        return basis
    judged = verdicts.judge_run(basis.run).tests
    if basis.base.reason is BaseReason.REQUESTED:
        return replace(basis, tests=judged)
    known = {test.test.regression_id: test for test in judged}
    others = _earlier_results(basis.line, _without_result(tests, known))
    for run_id in sorted(set(others.values())):
        there = {test.test.regression_id: test for test in verdicts.judge_run(runs.show_run(run_id, now)).tests}
        known |= {each: there[each] for each, source in others.items() if source == run_id and each in there}
    return replace(basis, tests=tuple(known.values()), others=others)


def _without_result(tests: Sequence[JudgedTest], known: Mapping[int, JudgedTest]) -> list[int]:
    ended = [test.test.regression_id for test in tests if test.verdict.has_result]
    return [each for each in ended if each not in known or not known[each].verdict.has_result]


def _earlier_results(line: Line, regression_ids: Sequence[int]) -> dict[int, int]:
    """The nearest runs with a result of these tests; where there are more than `OTHER_BASES`, those with the most."""
    nearest = line.nearest_results(verdicts_in(line.bases, regression_ids), regression_ids)
    most = {run_id for run_id, _ in Counter(nearest.values()).most_common(OTHER_BASES)}
    return {regression_id: run_id for regression_id, run_id in nearest.items() if run_id in most}


def compare_runtimes(run: Run, basis: Basis, tests: Sequence[JudgedTest]) -> RuntimeChanges:
    """How runtimes changed against the last runs of the base's line in the run's environment."""
    wanted = _timed_runs(run, basis.line)
    return _runtimes(wanted, tests, load_past_reports(wanted) if wanted else {})


def find_history(
    run: Run, basis: Basis, tests: Sequence[JudgedTest],
) -> tuple[RuntimeChanges, dict[int, FailingSince]]:
    """How runtimes changed, and since when each failing test fails as it does, by regression id."""
    line, timed = basis.line, _timed_runs(run, basis.line)
    failing = {test.test.regression_id: test for test in tests if test.verdict.is_failure}
    verdicts_of = verdicts_in(line.runs, list(failing))
    failed = {run_id for known in verdicts_of.values() for run_id, verdict in known.items() if verdict.is_failure}
    wanted = [*timed, *(failed - set(timed))]
    reports = load_past_reports(wanted, failing) if wanted else {}
    present = PastRun(run.run_id, run.commit, run.created_at, run.environment_id)
    return _runtimes(timed, tests, reports), {
        regression_id: failing_since(line.runs, _past_results(regression_id, verdicts_of.get(regression_id, {}), reports), present, test)
        for regression_id, test in failing.items()}


def explain_failures(basis: Basis, tests: Sequence[JudgedTest], since: Mapping[int, FailingSince]) -> list[FailingTest]:
    """The failing tests, each with what became of it since the base."""
    compared = compare(basis.tests, [test for test in tests if test.verdict.is_failure])
    return [
        FailingTest(
            each.run, failures_of(each.run), since[each.regression_id], IN_BASE[each.bucket],
            origin_of(each.bucket, since[each.regression_id], basis.line, basis.untested(each.regression_id)),
            basis.others.get(each.regression_id), basis.untested(each.regression_id))
        for each in compared if each.run is not None and each.run.verdict.is_failure]


def _timed_runs(run: Run, line: Line) -> list[int]:
    return [past.run_id for past in line.bases if past.environment_id == run.environment_id][:PAST_RUNS]


def _runtimes(wanted: Sequence[int], tests: Sequence[JudgedTest], reports: Mapping[int, PastReports]) -> RuntimeChanges:
    return runtime_changes(tests, [reports[run_id] for run_id in wanted if run_id in reports])


def _past_results(
    regression_id: int, known: Mapping[int, Verdict], reports: Mapping[int, PastReports],
) -> dict[int, PastResult]:
    found = {}
    for run_id, verdict in known.items():
        kept = reports.get(run_id)
        found[run_id] = PastResult(verdict) if kept is None else PastResult(
            verdict, kept.reports.get(regression_id), kept.outputs.get(regression_id, {}))
    return found
