"""Picks up runs that the platform's own programs made, moved or restarted."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from api.domain.display_bounds import cut, repository_of
from api.domain.errors import Unavailable
from api.domain.instant import NO_INSTANT
from api.domain.runs.progress import timeline
from api.domain.runs.run import STAND_IN_PLATFORM, Phase, ProgressEvent, RunStatus
from api.services.results.verdicts import derive_states
from api.storage.catalog.regression_tests import load_definitions
from api.storage.database import transact
from api.storage.runs import platform_changes
from api.storage.runs.expected_tests import list_active_tests, list_customized_tests, save_expected_tests
from api.storage.runs.platform_changes import PlatformRun
from api.storage.runs.progress import events_of
from api.storage.runs.restrictions import list_overtaken_runs
from api.storage.runs.run_rows import UNJUDGED

BATCH_SIZE = 10
IN_BULK = 100


def catch_up(now: datetime) -> bool:
    """Make what this server knows of runs agree with the platform's tables; one small read where nothing happened.

    A run is registered when it is first seen, and its state derived anew when it has an event newer than the one its state
    came from, or when that event was deleted. Finished runs that wait to be judged are judged a few at a time; those of a
    database that is being adopted are left to the sweeper, so that no request waits for them.

    Returns whether finished runs still wait to be judged, or to be judged anew.
    """
    found = platform_changes.look()
    if not found.has_changes:
        return found.has_pending
    while new := platform_changes.list_unseen_runs():
        transact(partial(_sync, new, now))
    if changed := platform_changes.list_changed_runs():
        judge_runs(changed)
    pending = platform_changes.list_pending_runs(IN_BULK)
    if 0 < len(pending) < IN_BULK:
        judge_runs(pending[:BATCH_SIZE])
    return platform_changes.look().has_pending


def judge_pending(at_most: int) -> int:
    """Judge finished runs and return how many: those that were never judged, or else those that older rules judged, newest first."""
    pending = platform_changes.list_pending_runs(at_most) or platform_changes.list_outdated_runs(at_most)
    if pending:
        judge_runs(pending)
    return len(pending)


def judge_late_results(now: datetime) -> int:
    """Judge finished runs again for which the platform's own programs wrote results late. Returns their number.

    The lists and histories tell of them from then on; whoever looks at such a run before has it judged there and then.
    """
    late = platform_changes.list_late_runs(now)
    if late:
        judge_runs(late)
    return len(late)


def judge_runs(run_ids: Sequence[int]) -> None:
    """Derive the state of these runs, in a transaction of its own."""
    transact(partial(derive_states, run_ids))


def still_judging() -> Unavailable:
    """The refusal of what counts over all runs, while finished runs of an adopted database, or of older rules, are being judged."""
    return Unavailable("Finished runs of this database are still being judged.", retry_after=10)


def sync_run(run_id: int, now: datetime) -> None:
    """Within a transaction: register this run, if it is not."""
    if not platform_changes.is_registered(run_id):
        _sync([run_id], now)


def sync_overlooked(now: datetime) -> None:
    """Register the runs that `catch_up` misses, and see what was said of queued ones later; too expensive to do in every request."""
    while overlooked := platform_changes.list_overlooked_runs():
        transact(partial(_sync, overlooked, now))
    if overtaken := list_overtaken_runs():
        judge_runs(overtaken)


def _sync(run_ids: Sequence[int], now: datetime) -> None:
    runs = platform_changes.load_unregistered(run_ids)
    if not runs:
        return
    events = events_of([run.run_id for run in runs])
    # A queued run says nothing of its age; it is as old as the nearest run before it, or as our first sight of it.
    before = platform_changes.find_created_before(runs[0].run_id) or now
    values = []
    for run in runs:
        times = timeline(events.get(run.run_id, ()))
        first = next((event for event in events.get(run.run_id, ()) if event.at != NO_INSTANT), None)
        before = min(before, now) if first is None else first.at
        altered = [*_unreadable(run), *times.altered, *_undated(events.get(run.run_id, ()))]
        values.append({
            **_identity(run), "altered": " ".join(altered) or None, "created_at": before, "requester_id": run.requester_id,
            "status": _first_status(times.phase),
            "last_progress_id": times.last_event_id, "started_at": times.started_at, "completed_at": times.completed_at,
            "expected_tests_id": None if times.phase and times.phase.is_finished else freeze_expected_tests(run.run_id)})
    platform_changes.register(values)


def _first_status(phase: Phase | None) -> str:
    if phase is None:
        return RunStatus.QUEUED.value
    return UNJUDGED if phase.is_finished else RunStatus.RUNNING.value


def freeze_expected_tests(run_id: int) -> int:
    """Freeze what a run that is not over is to execute: the tests it was restricted to, else those active now."""
    return save_expected_tests(load_definitions().only(list_customized_tests(run_id) or list_active_tests()))


def _identity(run: PlatformRun) -> dict[str, int | str | None]:
    return {
        "run_id": run.run_id, "platform": run.platform or STAND_IN_PLATFORM, "branch": run.branch or None,
        "commit_sha": run.commit.lower()[:64], "pull_request": run.pull_request if run.pull_request > 0 else None,
        "repository": cut(repository_of(run.clone_url).lower(), 255)}


def _unreadable(run: PlatformRun) -> Iterator[str]:
    """The fields of a run that say something else than its row, of which no sense can be made."""
    if run.platform is None:
        yield "platform"
    if run.pull_request < 0:
        yield "pull_request"


def _undated(events: Sequence[ProgressEvent]) -> Sequence[str]:
    return () if not events or events[0].dated else ("created_at", "queued_at")
