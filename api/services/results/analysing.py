"""Analyses finished runs: compares the files that are needed, has the domain find the causes, and keeps what was found out."""
from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from api.domain.causes.analysis import Analysed, analyse, pairs_to_compare
from api.domain.causes.came import Facts, Known, came_of, facts_between, subject_of, telling
from api.domain.causes.first_bad import FirstBadState
from api.domain.causes.run_analysis import AnalysisDue, Explained, RunAnalysis, TestStep, reason_not_analysed
from api.domain.causes.stability import Sighting, Stability, stability_of
from api.domain.causes.step import Walk, walk
from api.domain.errors import Refusal, Unavailable
from api.domain.results.base_run import Line, PastRun
from api.domain.results.judged_run import JudgedRun
from api.domain.results.origin import FailingSince
from api.domain.results.result import JudgedTest
from api.domain.runs.run import Run
from api.services.results import verdicts
from api.services.results.analyses import name_of, sources_of
from api.services.results.comparisons import Basis, explain_failures, find_basis, find_history
from api.services.results.output_facts import FactFinder
from api.services.runs import runs
from api.storage.database import database_now, session, transact
from api.storage.outage import is_outage
from api.storage.results.analyses import (
    DueRun,
    drop_due_run,
    keep_analysis,
    load_analysis,
    renew_due_run,
    require_near,
    require_outdated,
    take_due_run,
)
from api.storage.results.evidence import load_tests_in
from api.storage.runs.line import Source, load_repeats

log = logging.getLogger(__name__)

# A process that says nothing for so long has died; a batch of comparisons takes a second or so.
LEASE = timedelta(seconds=30)
OUTDATED_AT_ONCE = 200


@dataclass
class Analyst:
    """Analyses the runs that wait for it, one after the other. Several processes may do so at the same time."""

    finder: FactFinder
    main_repository: str

    def analyse_next(self) -> AnalysisDue | None:
        """Analyse the run that waits most urgently; how urgently it did, None where none waits.

        Raises Unavailable where a store of files does not answer or too many files are being compared; the run is tried again later.
        """
        now = database_now()
        session().rollback()
        taken = transact(partial(take_due_run, now, LEASE)) or self._take_outdated(now)
        if taken is None:
            return None
        held = _Held(taken)
        try:
            self._analyse(held)
        except Refusal:
            raise
        # A bug fails the analysis of one run, never that of the others.
        except Exception as fault:
            if is_outage(fault):
                raise
            log.exception("run %d could not be analysed", taken.run_id)
            self._keep_failed(held.taken)
        return taken.due

    def _take_outdated(self, now: datetime) -> DueRun | None:
        return transact(partial(take_due_run, now, LEASE)) if transact(partial(require_outdated, OUTDATED_AT_ONCE)) else None

    def _analyse(self, held: _Held) -> None:
        taken = held.taken
        run = runs.show_run(taken.run_id, database_now())
        judged = verdicts.judge_run(run)
        if run.evidence is None or reason_not_analysed(judged) is not None:
            transact(partial(_put_aside, taken))
            return
        kept, (line, sources) = load_analysis(run.run_id), sources_of(run, self.main_repository)
        name = name_of(run, line, sources)
        if kept is not None and kept.name == name:
            transact(partial(_put_aside, taken))
            return
        found, steps = _Making(run, judged, sources, self.main_repository).make(self.finder, held)
        # What changed meanwhile is not to be told under this name.
        if name_of(run, *sources_of(run, self.main_repository)) == name:
            transact(partial(_keep, held.taken, run, name, found, steps))

    def _keep_failed(self, taken: DueRun) -> None:
        session().rollback()
        run = runs.load_run(taken.run_id)
        name = name_of(run, *sources_of(run, self.main_repository))
        transact(partial(_keep, taken, run, name, None, ()))


def _put_aside(taken: DueRun) -> None:
    if drop_due_run(taken) and taken.due is AnalysisDue.ENDED:
        require_near(taken.run_id)


def _keep(taken: DueRun, run: Run, name: str, found: RunAnalysis | None, steps: Sequence[TestStep]) -> None:
    if keep_analysis(taken, run.evidence or "", name, found, steps) and taken.due is AnalysisDue.ENDED:
        require_near(taken.run_id)


@dataclass
class _Held:
    """A run that is held for as long as there is something to do."""

    taken: DueRun

    def renew(self) -> None:
        """Within a transaction: hold it for longer. Raises Unavailable where another process has it by now."""
        renewed = renew_due_run(self.taken, database_now() + LEASE)
        if renewed is None:
            raise Unavailable("Another process analyses this run.")
        self.taken = renewed


@dataclass
class _Making:
    """The analysis of one run while it is made."""

    run: Run
    judged: JudgedRun
    sources: Sequence[Source]
    main_repository: str

    def make(self, finder: FactFinder, held: _Held) -> tuple[RunAnalysis, tuple[TestStep, ...]]:
        """All that is found out about it."""
        now, tests = database_now(), self.judged.tests
        basis = find_basis(self.run, tests, None, self.main_repository, now)
        runtimes, since = find_history(self.run, basis, tests)
        walks, stabilities = self._walks(basis)
        known = finder.find(pairs_to_compare(walks, stabilities), held.renew)
        failing = {test.judged.test.regression_id: test for test in explain_failures(basis, tests, since)}
        analysis = analyse([each for each in walks if each.subject.regression_id in failing], known, stabilities)
        explained = tuple(
            Explained(each, self._since(basis, each, failure.since), failure.in_base, failure.base_run_id, failure.untested)
            for each in analysis.tests for failure in [failing[each.regression_id]])
        attributed = {each.regression_id: each.attributed.facts for each in analysis.tests}
        steps = tuple(step for each in walks if (step := _step(each, known, attributed)) is not None)
        return RunAnalysis(basis.shown, runtimes, explained, analysis.causes), steps

    def _since(self, basis: Basis, found: Analysed, failing_since: FailingSince) -> FailingSince:
        """Since when a test fails: since the newest of its changes that last, where one is known."""
        newest = found.first_bad[0]
        runs = {past.run_id: past for past in basis.line.runs}
        if newest.state is FirstBadState.AT_LEAST or newest.run_id not in runs and newest.run_id != self.run.run_id:
            return failing_since
        return FailingSince(runs.get(newest.run_id) or self._now, at_least=False, is_assumed=newest.is_assumed)

    @property
    def _now(self) -> PastRun:
        run = self.run
        return PastRun(run.run_id, run.commit.lower(), run.created_at, run.environment_id)

    def _walks(self, basis: Basis) -> tuple[list[Walk], dict[int, Stability]]:
        """The ways back of the tests that fail, or did in the base, and what is known of those being the same each time."""
        failed = {test.test.regression_id for test in basis.tests if test.verdict.is_failure}
        subjects = {
            test.test.regression_id: test for test in self.judged.tests
            if test.verdict.is_failure or test.verdict.has_result and test.test.regression_id in failed}
        if not subjects:
            return [], {}
        # What is known of a test being the same each time changes with runs that are not on this line; it is told as of now.
        sources = [*self.sources, *load_repeats(self.run, frozenset(source.run_id for source in self.sources))]
        loaded = load_tests_in([source.run_id for source in sources], subjects)
        past = {
            each: [(source, loaded[source.run_id][each]) for source in sources if each in loaded.get(source.run_id, ())]
            for each in subjects}
        return (
            [self._walk(basis.line, judged, past[each]) for each, judged in subjects.items()],
            {each: self._stability(judged, past[each]) for each, judged in subjects.items()})

    def _walk(self, line: Line, judged: JudgedTest, past: Sequence[tuple[Source, JudgedTest]]) -> Walk:
        run = self.run
        came = {source.run_id: came_of(test) for source, test in past if source.is_on_line}
        passed = [source.run_id for source, test in past if not test.verdict.is_failure]
        elsewhere = {source.commit: came_of(test) for source, test in reversed(past) if source.platform is not run.platform}
        beside = {line.commits[0]: [came_of(test) for source, test in past if source.is_beside]} if line.commits else {}
        return walk(self._now, subject_of(judged), line, came, passed=passed, elsewhere=elsewhere, beside=beside)

    def _stability(self, judged: JudgedTest, past: Sequence[tuple[Source, JudgedTest]]) -> Stability:
        run = self.run
        own = Sighting(run.run_id, run.commit.lower(), run.platform, judged.test, came_of(judged), is_main=run.pull_request is None)
        return stability_of([own, *(
            Sighting(source.run_id, source.commit, source.platform, test.test, came_of(test), is_main=source.is_main)
            for source, test in past)])


def _step(found: Walk, known: Known, attributed: Mapping[int, Facts]) -> TestStep | None:
    """What a test came to and how that differs from before; None for one that passes as it did."""
    subject, stretches = found.subject, found.stretches
    is_change = len(stretches) > 1 and stretches[0].oldest.run_id == found.now.run_id
    failing = attributed.get(subject.regression_id)
    if failing is None and not is_change:
        return None
    if not is_change:
        facts, base = telling(failing or ()) or None, found.base
        if base is None:
            return TestStep(subject.regression_id, subject.came, is_change=False)
        return TestStep(subject.regression_id, subject.came, False, facts, base.run_id, base.commit, found.untested)
    before = stretches[1]
    return TestStep(
        subject.regression_id, subject.came, is_change=True, facts=telling(facts_between(subject, before.came, subject.came, known)),
        from_run_id=before.newest.run_id, from_commit=before.newest.commit, untested=found.untested_before[0])
