"""The state of runs as derived from their events, and the stored verdicts of those that are over."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, insert, select, update

from api.domain.expected import ExpectedSet
from api.domain.failure import failures_in, failures_of
from api.domain.infrastructure import InfrastructureError, infrastructure_errors
from api.domain.progress import Timeline, timeline
from api.domain.result import JudgedTest, TestReports, judge
from api.domain.run import Phase, ProgressEvent, RunStatus
from api.domain.status import run_status
from api.domain.summary import Summary, summarize
from api.storage.database import session
from api.storage.expected_sets import list_customized_tests, load_definitions, load_expected_set, save_expected_set
from api.storage.own_tables import RunRow, VerdictRow
from api.storage.progress import list_events, origins_of
from api.storage.results import load_reports

COUNTS = tuple(name for name in Summary.__dataclass_fields__ if name != "pending_count")


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run with the verdict of each expected test, its infrastructure errors and its events."""

    status: RunStatus
    tests: tuple[JudgedTest, ...]
    infrastructure: tuple[InfrastructureError, ...]
    events: tuple[ProgressEvent, ...]

    @property
    def summary(self) -> Summary:
        """The counts of the run."""
        return summarize(self.tests, self.infrastructure)


def judge_run(run_id: int, expected_set_id: int | None) -> JudgedRun:
    """Judge a run by its frozen set, from what is reported of it now."""
    return _judged(load_expected_set(expected_set_id), load_reports(run_id), list_events(run_id))


def _judged(expected: ExpectedSet, reports: Mapping[int, TestReports], events: tuple[ProgressEvent, ...]) -> JudgedRun:
    phase = timeline(events).phase
    tests = judge(expected, reports, phase)
    cancels = [event.event_id for event in events if event.phase is Phase.CANCELED]
    troubles = infrastructure_errors(events, origins_of(cancels) if cancels else {}, failures_in(tests))
    return JudgedRun(run_status(phase, [test.verdict for test in tests]), tests, troubles, events)


def load_summary(run_id: int, expected_set_id: int | None, status: RunStatus) -> Summary:
    """The counts of a run: the stored ones once it is over, else as things stand."""
    if not status.is_over:
        return judge_run(run_id, expected_set_id).summary
    row = session().execute(select(*(getattr(RunRow, name) for name in COUNTS)).where(RunRow.run_id == run_id)).one()
    return Summary(pending_count=0, **{name: value or 0 for name, value in zip(COUNTS, row, strict=True)})


def note_trouble(run_id: int) -> None:
    """Within a transaction: count one more infrastructure error of a run that is not over; its end counts them anew."""
    session().execute(update(RunRow).where(RunRow.run_id == run_id).values(
        infrastructure_error_count=func.coalesce(RunRow.infrastructure_error_count, 0) + 1))


def derive_state(run_id: int, definitions: ExpectedSet | None = None) -> RunStatus:
    """Derive a run's state from its newest event and store it, with the verdicts where the run is over.

    Within a transaction. `definitions` are today's regression tests, which a caller that derives many states loads once;
    they matter only for a run that was over before it was first seen.
    """
    session().execute(select(RunRow.run_id).where(RunRow.run_id == run_id).with_for_update())
    events = list_events(run_id)
    times = timeline(events)
    session().execute(delete(VerdictRow).where(VerdictRow.run_id == run_id))
    if times.phase is not None and times.phase.is_over:
        return _store_outcome(run_id, times, events, definitions)
    status = run_status(times.phase, ())
    _store_state(run_id, times, status, dict.fromkeys(COUNTS))
    return status


def _store_outcome(run_id: int, times: Timeline, events: Sequence[ProgressEvent], definitions: ExpectedSet | None) -> RunStatus:
    expected_set_id = session().execute(select(RunRow.expected_set_id).where(RunRow.run_id == run_id)).scalar_one()
    reports = load_reports(run_id)
    if expected_set_id is None:
        expected_set_id = save_expected_set(_set_of_finished_run(run_id, reports, definitions))
        session().execute(update(RunRow).where(RunRow.run_id == run_id).values(expected_set_id=expected_set_id))
    judged = _judged(load_expected_set(expected_set_id), reports, tuple(events))
    verdicts = [_verdict_values(run_id, test) for test in judged.tests]
    if verdicts:
        session().execute(insert(VerdictRow), verdicts)
    counts = asdict(judged.summary)
    _store_state(run_id, times, judged.status, {name: counts[name] for name in COUNTS})
    return judged.status


def _set_of_finished_run(run_id: int, reports: Mapping[int, TestReports], definitions: ExpectedSet | None) -> ExpectedSet:
    # What a run that was over before we saw it was to execute is known only where it was restricted to some tests.
    # Its baselines of that time stand in its rows.
    chosen = list_customized_tests(run_id) or {each for each, reported in reports.items() if reported.report is not None}
    recorded = {
        (output.regression_id, output.output_id): output.expected
        for reported in reports.values() for output in reported.outputs.values()}
    return (definitions or load_definitions(chosen)).only(chosen).with_baselines(recorded)


def _verdict_values(run_id: int, test: JudgedTest) -> dict[str, int | str | None]:
    failures = failures_of(test)
    return {
        "run_id": run_id, "regression_id": test.test.regression_id, "verdict": test.verdict.value,
        "signature": failures[0].signature if failures else None}


def _store_state(run_id: int, times: Timeline, status: RunStatus, counts: dict[str, int | None]) -> None:
    session().execute(update(RunRow).where(RunRow.run_id == run_id).values(
        status=status.value, last_progress_id=times.last_event_id, started_at=times.started_at,
        completed_at=times.completed_at, **counts))
