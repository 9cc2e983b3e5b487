"""Derives the state of runs from their events, and stores the verdicts of finished ones."""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from cachetools import LRUCache

from api.domain.causes.run_analysis import AnalysisDue
from api.domain.errors import Unavailable
from api.domain.results.failure import failures_of
from api.domain.results.failure_code import RULES_VERSION
from api.domain.results.judged_run import Evidence, JudgedRun, judge_evidence
from api.domain.results.result import merged
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.progress import LateEventKind, Timeline, timeline
from api.domain.runs.run import ProgressEvent, Run, RunStatus
from api.domain.runs.status import run_status
from api.domain.runs.summary import Summary
from api.storage.database import database_now
from api.storage.results.analyses import forget_analyses
from api.storage.results.evidence import keep_evidence, load_evidence, load_reports_kept
from api.storage.results.results import load_reports, load_reports_of, load_result_times, load_result_times_of
from api.storage.results.verdicts import (
    COUNTS,
    RunState,
    find_counts,
    forget_verdicts,
    load_verdicts,
    lock_runs,
    store_states,
    store_verdicts,
)
from api.storage.runs.expected_test_backfill import find_expected_tests
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.progress import events_of, list_events, origins_of, record_late_event
from api.storage.runs.restrictions import follow_restrictions
from api.storage.runs.run_rows import OVER, altered_in

TIMES = ("started_at", "completed_at")
# How many tests the finished runs have that are kept in memory as they were judged; a test takes less than a kilobyte.
TESTS_IN_MEMORY = 20_000

_judged: LRUCache[str, JudgedRun] = LRUCache(TESTS_IN_MEMORY, getsizeof=lambda judged: 1 + len(judged.tests))
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run that is over came to, the id of its frozen set, and how many reports of it the platform has."""

    set_id: int
    report_count: int
    judged: JudgedRun


def judge_run(run: Run) -> JudgedRun:
    """A run that is over, judged by what is kept of it; any other by what is reported of it now.

    Raises Unavailable where another process replaced what is kept since the run was loaded.
    """
    if run.evidence is None:
        return judge_evidence(_present_evidence(run))
    with _lock:
        known: JudgedRun | None = _judged.get(run.evidence)
    return known or _judge_kept(run)


def _judge_kept(run: Run) -> JudgedRun:
    name, evidence = load_evidence(run.run_id) or (None, None)
    if evidence is None or name is None or name != run.evidence:
        # What this run came to before is not to be told, nor kept, as what it comes to now.
        raise _judged_anew()
    judged = judge_evidence(evidence)
    with _lock:
        if _judged.getsizeof(judged) <= TESTS_IN_MEMORY:
            _judged[name] = judged
    return judged


def _judged_anew() -> Unavailable:
    return Unavailable("This run is being judged anew.", retry_after=1)


def _present_evidence(run: Run) -> Evidence:
    events = list_events(run.run_id)
    return Evidence(
        load_expected_tests(run.expected_tests_id), load_reports(run.run_id), events, _origins(events), load_result_times(run.run_id))


def _origins(events: Sequence[ProgressEvent]) -> Mapping[int, EventOrigin]:
    ends = [event.event_id for event in events if event.phase.is_finished]
    return origins_of(ends) if ends else {}


def load_expected(run: Run) -> ExpectedTests:
    """The frozen set of a run."""
    return load_expected_tests(run.expected_tests_id) if run.evidence is None else judge_run(run).evidence.expected


def load_events(run: Run) -> Sequence[ProgressEvent]:
    """The events of a run, oldest first: those that it was judged by once it is over."""
    return list_events(run.run_id) if run.evidence is None else judge_run(run).evidence.events


def load_summary(run: Run) -> Summary:
    """The counts of a run: the stored ones once it is over, else as things stand. Raises Unavailable as `judge_run` does."""
    if run.evidence is None:
        return judge_run(run).summary
    counts = find_counts(run.run_id, run.evidence)
    if counts is None:
        raise _judged_anew()
    return counts


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
    # What a run that only begins now executes may have been said after it was seen.
    sets = {row.run_id: row.expected_tests_id for row in rows}
    sets |= follow_restrictions([row.run_id for row in rows if row.status == RunStatus.QUEUED])
    over = [row for row in rows if _is_finished(times[row.run_id])]
    unmoved = [row.run_id for row in over if row.last_progress_id == times[row.run_id].last_event_id]
    outcomes = _judge_runs({row.run_id: sets[row.run_id] for row in over}, events, unmoved)
    before = load_verdicts([row.run_id for row in over if _is_outdated(row)])
    # A run that is not over by its stored state has no verdicts.
    were_over = [row.run_id for row in rows if row.status in OVER]
    forget_verdicts(were_over)
    forget_analyses(were_over)
    names = keep_evidence({run_id: outcome.judged.evidence for run_id, outcome in outcomes.items()})
    states = {row.run_id: run_status(times[row.run_id].phase, ()) for row in rows if not _is_finished(times[row.run_id])}
    states |= {run_id: outcome.judged.status for run_id, outcome in outcomes.items()}
    store_verdicts([value for row in over for value in _verdict_values(row, outcomes[row.run_id].judged)])
    store_states([
        _state_values(row, times[row.run_id], states[row.run_id]) | {"expected_tests_id": sets[row.run_id]}
        | _outcome_values(outcomes.get(row.run_id), names.get(row.run_id)) for row in rows])
    _tell_of_changes([row for row in over if _is_outdated(row)], outcomes, before)
    return states


def _is_finished(times: Timeline) -> bool:
    return times.phase is not None and times.phase.is_finished


def _is_outdated(row: RunState) -> bool:
    """Whether the stored verdicts were made by older rules."""
    return row.rules_version is not None and row.rules_version < RULES_VERSION


def _judge_runs(
    stored: Mapping[int, int | None], events: Mapping[int, Sequence[ProgressEvent]], unmoved: Sequence[int],
) -> dict[int, Outcome]:
    """The outcome of each of these runs, given with the ids of their sets, all of which are over.

    For those in `unmoved`, what they were judged by before stays.
    """
    if not stored:
        return {}
    run_ids = list(stored)
    present, ended_at = load_reports_of(run_ids), load_result_times_of(run_ids)
    kept = load_reports_kept({run_id: load_expected_tests(stored[run_id]) for run_id in unmoved})
    reports = {run_id: merged(kept.get(run_id, {}), present[run_id]) for run_id in run_ids}
    origins = _origins([event for run_id in run_ids for event in events[run_id]])
    sets = find_expected_tests(stored, reports)
    found = {}
    for run_id in run_ids:
        own = {event.event_id: origins[event.event_id] for event in events[run_id] if event.event_id in origins}
        evidence = Evidence(sets[run_id].expected, reports[run_id], tuple(events[run_id]), own, ended_at.get(run_id, {}))
        count = sum(each.count for each in present[run_id].values())
        found[run_id] = Outcome(sets[run_id].set_id, count, judge_evidence(evidence))
    return found


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
        "completed_at": times.completed_at, "report_count": None, "evidence": None,
        "rules_version": None, "altered": _altered(row.altered, times), "analysis_due": None, "analysis_taken_until": None,
        **dict.fromkeys(COUNTS)}


def _altered(before: str | None, times: Timeline) -> str | None:
    """What of a run cannot be read: of its times as they are now, of the rest as it was."""
    kept = [name for name in altered_in(before) if name not in TIMES]
    return " ".join([*kept, *times.altered]) or None


def _outcome_values(outcome: Outcome | None, evidence: str | None) -> dict[str, Any]:
    if outcome is None:
        return {}
    counts = asdict(outcome.judged.summary)
    return {
        "expected_tests_id": outcome.set_id, "report_count": outcome.report_count, "evidence": evidence, "rules_version": RULES_VERSION,
        "analysis_due": AnalysisDue.ENDED.value,
        **{name: counts[name] for name in COUNTS}}


def _tell_of_changes(rows: Sequence[RunState], outcomes: Mapping[int, Outcome], before: Mapping[int, Mapping[int, Any]]) -> None:
    """Write an event for each of these runs that comes to something else by the present rules than by older ones."""
    for row in rows:
        judged = outcomes[row.run_id].judged
        now = {value["regression_id"]: (value["verdict"], value["signature"]) for value in _verdict_values(row, judged)}
        counts = asdict(judged.summary)
        if row.status != judged.status or before.get(row.run_id, {}) != now or any(getattr(row, name) != counts[name] for name in COUNTS):
            record_late_event(row.run_id, LateEventKind.JUDGED_ANEW, database_now())
