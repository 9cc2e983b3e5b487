"""Derives the state of runs from their events, and stores the verdicts of finished ones."""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, delete, func, insert, select, update

from api.domain.results.failure import failures_in, failures_of
from api.domain.results.result import NOTHING_REPORTED, JudgedTest, OutputReport, TestReports, judge, merged
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import Coverage, EventOrigin, InfrastructureError, infrastructure_errors
from api.domain.runs.progress import Timeline, timeline
from api.domain.runs.run import Phase, ProgressEvent, RunStatus
from api.domain.runs.status import run_status
from api.domain.runs.summary import Summary, summarize
from api.storage.database import change, session
from api.storage.results.report_snapshots import forget, keep, load_snapshot, load_snapshots
from api.storage.results.results import load_output_report, load_reports, load_reports_of
from api.storage.runs.expected_test_backfill import StoredExpectedTests, find_expected_tests
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.progress import events_of, list_events, origins_of
from api.storage.runs.run_rows import OVER, altered_in
from api.storage.tables import RunRow, VerdictRow

COUNTS = tuple(name for name in Summary.__dataclass_fields__ if name != "pending_count")
RUNS = cast(Table, RunRow.__table__)
VERDICTS = cast(Table, VerdictRow.__table__)
TIMES = ("started_at", "completed_at")


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run with the verdict of each expected test, its infrastructure errors, its events and where those come from."""

    status: RunStatus
    tests: tuple[JudgedTest, ...]
    infrastructure: tuple[InfrastructureError, ...]
    events: tuple[ProgressEvent, ...]
    origins: Mapping[int, EventOrigin]

    @property
    def summary(self) -> Summary:
        """The counts of the run."""
        return summarize(self.tests, self.infrastructure)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run that is over came to, by which frozen set and reports, and how many of those the platform has."""

    frozen: StoredExpectedTests
    reports: Mapping[int, TestReports]
    report_count: int
    judged: JudgedRun


def judge_run(run_id: int, expected_tests_id: int | None) -> JudgedRun:
    """Judge a run by its frozen set, from what was reported of it when it ended, or is reported now where it is not over."""
    events = list_events(run_id)
    cancels = [event.event_id for event in events if event.phase is Phase.CANCELED]
    origins = origins_of(cancels) if cancels else {}
    expected = load_expected_tests(expected_tests_id)
    kept = load_snapshot(run_id, expected)
    return _judged(expected, load_reports(run_id) if kept is None else kept, events, origins)


def find_output_report(run_id: int, expected: ExpectedTests, regression_id: int, output_id: int) -> OutputReport | None:
    """What was reported of one output, by the same rule; None where nothing was."""
    kept = load_snapshot(run_id, expected)
    if kept is None:
        return load_output_report(run_id, regression_id, output_id)
    return kept.get(regression_id, NOTHING_REPORTED).outputs.get(output_id)


def _judged(
    expected: ExpectedTests, reports: Mapping[int, TestReports], events: tuple[ProgressEvent, ...],
    origins: Mapping[int, EventOrigin],
) -> JudgedRun:
    phase = timeline(events).phase
    tests = judge(expected, reports, phase)
    coverage = Coverage(sum(test.reports.report is not None for test in tests), len(tests))
    troubles = infrastructure_errors(events, origins, failures_in(tests), coverage)
    return JudgedRun(run_status(phase, [test.verdict for test in tests]), tests, troubles, events, origins)


def load_summary(run_id: int, expected_tests_id: int | None, status: RunStatus) -> Summary:
    """The counts of a run: the stored ones once it is over, else as things stand."""
    if not status.is_finished:
        return judge_run(run_id, expected_tests_id).summary
    row = session().execute(select(*(getattr(RunRow, name) for name in COUNTS)).where(RunRow.run_id == run_id)).one()
    return Summary(pending_count=0, **{name: value or 0 for name, value in zip(COUNTS, row, strict=True)})


def count_infrastructure_error(run_id: int) -> None:
    """Within a transaction: count one more infrastructure error of a run that is not over; its end counts them anew."""
    session().execute(update(RunRow).where(RunRow.run_id == run_id).values(
        infrastructure_error_count=func.coalesce(RunRow.infrastructure_error_count, 0) + 1))


def derive_state(run_id: int) -> RunStatus:
    """Derive a run's state from its newest event and store it, with the verdicts where the run is over.

    Within a transaction.
    """
    return derive_states([run_id])[run_id]


def derive_states(run_ids: Collection[int]) -> dict[int, RunStatus]:
    """`derive_state` for many runs at the price of few statements; those that do not exist are left out."""
    rows = _lock_runs(run_ids)
    events = events_of([row.run_id for row in rows])
    times = {row.run_id: timeline(events.get(row.run_id, ())) for row in rows}
    over = [row for row in rows if _is_finished(times[row.run_id])]
    judged = _judge_runs(over, events, [row for row in over if row.last_progress_id == times[row.run_id].last_event_id])
    # A run that is not over by its stored state has no verdicts.
    _forget([row.run_id for row in rows if row.status in OVER])
    keep({run_id: (outcome.frozen.expected, outcome.reports) for run_id, outcome in judged.items()})
    states = {row.run_id: run_status(times[row.run_id].phase, ()) for row in rows if not _is_finished(times[row.run_id])}
    states |= {run_id: outcome.judged.status for run_id, outcome in judged.items()}
    _store_verdicts([value for row in over for value in _verdict_values(row, judged[row.run_id].judged)])
    _store_states([
        {**_state_values(row, times[row.run_id], states[row.run_id]), **_outcome_values(judged.get(row.run_id))} for row in rows])
    return states


def _lock_runs(run_ids: Collection[int]) -> Sequence[Row[*tuple[Any, ...]]]:
    return session().execute(
        select(
            RunRow.run_id, RunRow.status, RunRow.expected_tests_id, RunRow.created_at, RunRow.platform, RunRow.branch,
            RunRow.last_progress_id, RunRow.altered)
        .where(RunRow.run_id.in_(run_ids)).order_by(RunRow.run_id).with_for_update()).all()


def _is_finished(times: Timeline) -> bool:
    return times.phase is not None and times.phase.is_finished


def _judge_runs(
    rows: Sequence[Row[*tuple[Any, ...]]], events: Mapping[int, Sequence[ProgressEvent]],
    unmoved: Sequence[Row[*tuple[Any, ...]]],
) -> dict[int, Outcome]:
    """The outcome of each of these runs, all of which are over; what those were judged by stands that were over as they are now."""
    if not rows:
        return {}
    run_ids = [row.run_id for row in rows]
    present = load_reports_of(run_ids)
    kept = load_snapshots({row.run_id: load_expected_tests(row.expected_tests_id) for row in unmoved})
    reports = {run_id: merged(kept.get(run_id, {}), present[run_id]) for run_id in run_ids}
    cancels = [event.event_id for run_id in run_ids for event in events[run_id] if event.phase is Phase.CANCELED]
    origins = origins_of(cancels) if cancels else {}
    sets = find_expected_tests({row.run_id: row.expected_tests_id for row in rows}, reports)
    return {
        run_id: Outcome(
            sets[run_id], reports[run_id], sum(each.count for each in present[run_id].values()),
            _judged(sets[run_id].expected, reports[run_id], tuple(events[run_id]), origins))
        for run_id in run_ids}


def _forget(run_ids: Collection[int]) -> None:
    if run_ids:
        change(delete(VerdictRow).where(VerdictRow.run_id.in_(run_ids)))
        forget(run_ids)


def _verdict_values(row: Row[*tuple[Any, ...]], outcome: JudgedRun) -> Iterator[dict[str, Any]]:
    run = {
        "run_id": row.run_id, "created_at": row.created_at, "platform": row.platform, "branch": row.branch,
        "run_status": outcome.status.value}
    for test in outcome.tests:
        failures = failures_of(test)
        yield {
            **run, "regression_id": test.test.regression_id, "verdict": test.verdict.value,
            "signature": failures[0].signature if failures else None}


def _store_verdicts(values: list[dict[str, Any]]) -> None:
    if values:
        # In the order of the key, so that each regression test's part of the table is gone to once.
        values.sort(key=lambda value: (value["regression_id"], value["created_at"]))
        session().execute(insert(VERDICTS), values)


def _state_values(row: Row[*tuple[Any, ...]], times: Timeline, status: RunStatus) -> dict[str, Any]:
    return {
        "of_run": row.run_id, "status": status.value, "last_progress_id": times.last_event_id, "started_at": times.started_at,
        "completed_at": times.completed_at, "expected_tests_id": row.expected_tests_id, "report_count": None,
        "altered": _altered(row.altered, times), **dict.fromkeys(COUNTS)}


def _altered(before: str | None, times: Timeline) -> str | None:
    """What of a run cannot be read: of its times as they are now, of the rest as it was."""
    kept = [name for name in altered_in(before) if name not in TIMES]
    return " ".join([*kept, *times.altered]) or None


def _outcome_values(outcome: Outcome | None) -> dict[str, int]:
    if outcome is None:
        return {}
    counts = asdict(outcome.judged.summary)
    return {
        "expected_tests_id": outcome.frozen.set_id, "report_count": outcome.report_count,
        **{name: counts[name] for name in COUNTS}}


def _store_states(values: list[dict[str, Any]]) -> None:
    if values:
        columns: dict[str, Any] = {name: bindparam(name) for name in values[0] if name != "of_run"}
        session().execute(update(RUNS).where(RUNS.c.run_id == bindparam("of_run")).values(columns), values)
        session().expire_all()
