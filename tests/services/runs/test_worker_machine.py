"""The workers' protocol against a model: two workers, repeats, late messages, cancels, in any order."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from api.domain.runs.run import Phase, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.runs.worker_message import Answer
from api.services.results.verdicts import judge_run, load_summary
from api.services.runs import runs
from api.services.runs.leases import claim_run
from api.services.runs.platform_sync import catch_up
from api.storage.database import session
from api.storage.runs.leases import Holder
from api.storage.tables.results import VerdictRow
from tests.builders import MAIN_REPOSITORY, NOW, BuiltTest, Output, add_regression_test, add_user, digest_of, minutes
from tests.databases import Database
from tests.examples import examples
from tests.platform_writes import restart_run
from tests.services.acting import cancel, create, equal, finish, tell, upload

RUNS, TESTS = 2, 3
VARIANT, OTHER = digest_of("variant"), digest_of("other")
ORDER = (Phase.PREPARATION, Phase.TESTING, Phase.COMPLETED)
some_run, some_test = st.integers(0, RUNS - 1), st.integers(0, TESTS - 1)


@dataclass
class Model:
    """A run as the protocol's rules have it: its phases with their words, and the first report of everything."""

    told: list[tuple[Phase, str]] = field(default_factory=list)
    exits: dict[int, int] = field(default_factory=dict)
    outputs: dict[int, str | None] = field(default_factory=dict)

    @property
    def phase(self) -> Phase | None:
        """The newest phase."""
        return self.told[-1][0] if self.told else None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more is taken."""
        return self.phase in (Phase.COMPLETED, Phase.CANCELED)

    def tell(self, phase: Phase, words: str) -> Answer:
        """The answer to a phase."""
        if (phase, words) in self.told:
            return Answer.OK
        goes_back = self.phase in ORDER and phase in ORDER and ORDER.index(phase) < ORDER.index(self.phase)
        if self.is_finished or goes_back:
            return Answer.FAIL
        self.told.append((phase, words))
        return Answer.OK

    def verdict(self, test: int) -> str:
        """How a test of one output, expected to exit with 0, fared."""
        if test not in self.exits:
            if self.is_finished:
                return "skipped"
            return "running" if self.phase is Phase.TESTING and test in self.outputs else "not_started"
        if test not in self.outputs:
            return "missing_output"
        return "pass" if self.exits[test] == 0 and self.outputs[test] in (None, VARIANT) else "fail"

    @property
    def status(self) -> str:
        """The state of the run."""
        verdicts = [self.verdict(test) for test in range(TESTS)]
        if self.phase is None:
            return "queued"
        if self.phase is Phase.CANCELED:
            return "canceled"
        if self.phase is not Phase.COMPLETED:
            return "running"
        if "skipped" in verdicts:
            return "error" if set(verdicts) == {"skipped"} else "incomplete"
        return "pass" if set(verdicts) == {"pass"} else "fail"


class Workers(RuleBasedStateMachine):
    """Two runs, and whoever may report of them."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        database.empty()
        self.tests: list[BuiltTest] = [add_regression_test(outputs=(Output(acceptable=(VARIANT,)),)) for _ in range(TESTS)]
        user = add_user()
        self.run_ids = [create(*self.tests, requester_id=user) for _ in range(RUNS)]
        self.models = [Model() for _ in range(RUNS)]
        self.ended: dict[int, str] = {}
        self.again: Callable[[], tuple[Answer, Answer]] | None = None

    def say(self, act: Callable[[], tuple[Answer, Answer]]) -> None:
        """Send a message, keep it for a repeat, and hold the answer against the model's."""
        self.again = act
        answered, expected = act()
        assert answered == expected

    @rule(run=some_run, phase=st.sampled_from(Phase), words=st.sampled_from(["", "words", "Build failed"]))
    def tells_a_phase(self, run: int, phase: Phase, words: str) -> None:
        self.say(lambda: (tell(self.run_ids[run], phase, words), self.models[run].tell(phase, words)))

    @rule(run=some_run)
    def goes_on(self, run: int) -> None:
        newest = self.models[run].phase
        phase = Phase.PREPARATION if newest is None else Phase.TESTING
        self.say(lambda: (tell(self.run_ids[run], phase), self.models[run].tell(phase, "")))

    @rule(run=some_run, test=some_test, exit_code=st.sampled_from([0, 0, 0, 139]))
    def finishes_a_test(self, run: int, test: int, exit_code: int) -> None:
        def act() -> tuple[Answer, Answer]:
            answered = finish(self.run_ids[run], self.tests[test], exit_code)
            if self.models[run].is_finished:
                return answered, Answer.FAIL
            self.models[run].exits.setdefault(test, exit_code)
            return answered, Answer.OK

        self.say(act)

    @rule(run=some_run, test=some_test, got=st.sampled_from([None, None, VARIANT, OTHER]))
    def reports_an_output(self, run: int, test: int, got: str | None) -> None:
        def act() -> tuple[Answer, Answer]:
            run_id, definition = self.run_ids[run], self.tests[test]
            answered = equal(run_id, definition) if got is None else upload(run_id, definition, got)
            if self.models[run].is_finished:
                return answered, Answer.FAIL
            self.models[run].outputs.setdefault(test, got)
            return answered, Answer.OK

        self.say(act)

    @rule(run=some_run, test=some_test)
    def reports_a_whole_test(self, run: int, test: int) -> None:
        self.reports_an_output(run, test, None)
        self.finishes_a_test(run, test, 0)

    @precondition(lambda self: self.again is not None)
    @rule()
    def repeats_itself(self) -> None:
        assert self.again is not None
        self.say(self.again)

    @rule(run=some_run)
    def is_canceled_by_a_person(self, run: int) -> None:
        canceled = cancel(self.run_ids[run])

        assert canceled is not self.models[run].is_finished
        if canceled:
            self.models[run].told.append((Phase.CANCELED, "Canceled by ada via API"))

    @rule()
    def a_worker_asks_for_a_run(self) -> None:
        session().rollback()
        claim = claim_run(Holder("w", "s"), "linux", MAIN_REPOSITORY, now=NOW, lease=minutes(5) - NOW)
        waiting = [run for run, model in enumerate(self.models) if model.phase is None]

        assert (claim and self.run_ids.index(claim.run_id)) == (waiting[0] if waiting else None)
        if claim:
            self.models[waiting[0]].told.append((Phase.PREPARATION, "Taken by worker w"))

    @rule(run=some_run)
    def is_restarted_by_the_platform(self, run: int) -> None:
        restart_run(self.run_ids[run])
        self.models[run] = Model()
        self.ended.pop(self.run_ids[run], None)
        catch_up(NOW)

    @invariant()
    def every_view_tells_what_the_model_does(self) -> None:
        session().rollback()
        catch_up(NOW)
        listed = {run.run_id: run.status for run in runs.list_runs(RunFilter(), RunSort.RUN_ID, limit=10).items}
        for run_id, model in zip(self.run_ids, self.models, strict=True):
            found = runs.load_run(run_id)
            judged = judge_run(found)
            assert listed[run_id] == found.status == judged.status == model.status
            assert run_id in [run.run_id for run in runs.list_runs(
                RunFilter(status=RunStatus(model.status)), RunSort.RUN_ID, limit=10).items]
            verdicts = {test: model.verdict(test) for test in range(TESTS)}
            assert [test.verdict for test in judged.tests] == list(verdicts.values())
            stored = session().execute(
                select(VerdictRow.verdict).where(VerdictRow.run_id == run_id).order_by(VerdictRow.regression_id)).scalars().all()
            assert stored == (list(verdicts.values()) if model.is_finished else [])
            self._check_counts(found, Counter(verdicts.values()))
        session().rollback()

    def _check_counts(self, run: Run, verdicts: Counter[str]) -> None:
        summary = load_summary(run)
        counts = (
            summary.pass_count, summary.fail_count, summary.missing_output_count, summary.skipped_count, summary.pending_count)
        assert sum(counts) == summary.total_samples == TESTS
        assert counts == (
            verdicts["pass"], verdicts["fail"], verdicts["missing_output"], verdicts["skipped"],
            verdicts["running"] + verdicts["not_started"])
        assert summary == judge_run(run).summary

    @invariant()
    def an_end_is_an_end(self) -> None:
        for run_id, model in zip(self.run_ids, self.models, strict=True):
            if run_id in self.ended:
                assert model.status == self.ended[run_id]
            elif model.is_finished:
                self.ended[run_id] = model.status


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def on(database: Database) -> type[Workers]:
    """The machine on a database."""
    class OnDatabase(Workers):
        def __init__(self) -> None:
            super().__init__(database)

    return OnDatabase


@pytest.mark.hypothesis
def test_workers_on_sqlite_do_as_the_model(sqlite_database: Database) -> None:
    run_state_machine_as_test(
        on(sqlite_database),
        settings=settings(max_examples=examples(30), stateful_step_count=25, deadline=None, suppress_health_check=CHECKS))


@pytest.mark.hypothesis
@pytest.mark.mariadb
def test_workers_on_mariadb_do_as_the_model(mariadb_database: Database) -> None:
    run_state_machine_as_test(
        on(mariadb_database),
        settings=settings(max_examples=examples(8), stateful_step_count=25, deadline=None, suppress_health_check=CHECKS))
