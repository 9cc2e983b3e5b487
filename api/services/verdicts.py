"""Derives the state of runs from their events, and stores the verdicts of finished ones."""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from api.domain.results.failure import failures_in, failures_of
from api.domain.results.result import NOTHING_REPORTED, JudgedTest, OutputReport, TestReports, judge, merged
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import Coverage, EventOrigin, InfrastructureError, infrastructure_errors
from api.domain.runs.progress import Timeline, timeline
from api.domain.runs.run import Phase, ProgressEvent, RunStatus
from api.domain.runs.status import run_status
from api.domain.runs.summary import Summary, summarize
from api.storage.results.report_snapshots import keep, load_snapshot, load_snapshots
from api.storage.results.results import load_output_report, load_reports, load_reports_of
from api.storage.results.verdicts import COUNTS, RunState, forget_verdicts, load_counts, lock_runs, store_states, store_verdicts
from api.storage.runs.expected_test_backfill import StoredExpectedTests, find_expected_tests
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.progress import events_of, list_events, origins_of
from api.storage.runs.run_rows import OVER, altered_in

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
    return load_counts(run_id)


def derive_state(run_id: int) -> RunStatus:
    """Derive a run's state from its newest event and store it, with the verdicts where the run is over.

    Within a transaction.
    """
    return derive_states([run_id])[run_id]


def derive_states(run_ids: Collection[int]) -> dict[int, RunStatus]:
    """`derive_state` for many runs at the price of few statements; those that do not exist are left out."""
    rows = lock_runs(run_ids)
    events = events_of([row.run_id for row in rows])
    times = {row.run_id: timeline(events.get(row.run_id, ())) for row in rows}
    over = [row for row in rows if _is_finished(times[row.run_id])]
    judged = _judge_runs(over, events, [row for row in over if row.last_progress_id == times[row.run_id].last_event_id])
    # A run that is not over by its stored state has no verdicts.
    forget_verdicts([row.run_id for row in rows if row.status in OVER])
    keep({run_id: (outcome.frozen.expected, outcome.reports) for run_id, outcome in judged.items()})
    states = {row.run_id: run_status(times[row.run_id].phase, ()) for row in rows if not _is_finished(times[row.run_id])}
    states |= {run_id: outcome.judged.status for run_id, outcome in judged.items()}
    store_verdicts([value for row in over for value in _verdict_values(row, judged[row.run_id].judged)])
    store_states([
        {**_state_values(row, times[row.run_id], states[row.run_id]), **_outcome_values(judged.get(row.run_id))} for row in rows])
    return states


def _is_finished(times: Timeline) -> bool:
    return times.phase is not None and times.phase.is_finished


def _judge_runs(
    rows: Sequence[RunState], events: Mapping[int, Sequence[ProgressEvent]],
    unmoved: Sequence[RunState],
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


def _verdict_values(row: RunState, outcome: JudgedRun) -> Iterator[dict[str, Any]]:
    run = {
        "run_id": row.run_id, "created_at": row.created_at, "platform": row.platform, "branch": row.branch,
        "run_status": outcome.status.value}
    for test in outcome.tests:
        failures = failures_of(test)
        yield {
            **run, "regression_id": test.test.regression_id, "verdict": test.verdict.value,
            "signature": failures[0].signature if failures else None}


def _state_values(row: RunState, times: Timeline, status: RunStatus) -> dict[str, Any]:
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
