"""Picks up runs that the platform's own programs made, moved or restarted."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Row, func, insert, literal, or_, select
from sqlalchemy.exc import IntegrityError

from api.domain.display_bounds import cut, repository_of
from api.domain.instant import NO_INSTANT
from api.domain.runs.progress import timeline
from api.domain.runs.run import STAND_IN_PLATFORM, Phase, Platform, ProgressEvent, RunStatus
from api.services.verdicts import derive_states
from api.storage.column_types import is_id, spelled, spelling
from api.storage.database import TransactionConflict, read, session, transact
from api.storage.platform_tables import ForkRow, ProgressRow, TestForkRow, TestRow, UserRow
from api.storage.runs.expected_tests import list_active_tests, list_customized_tests, load_definitions, save_expected_tests
from api.storage.runs.progress import events_of
from api.storage.runs.run_rows import IS_BEHIND, OVER, UNJUDGED
from api.storage.tables import RunRow

CHUNK = 250
LOOK_BACK = 200
AT_ONCE = 10
IN_BULK = 100
LATE, LATE_RUNS, LONGEST_RUN = timedelta(days=1), 250, timedelta(days=3)

_UNSEEN = select(TestRow.id).where(is_id(TestRow.id), TestRow.id > select(func.coalesce(func.max(RunRow.run_id), 0)).scalar_subquery())
# Ids are given out in order but may become visible a little out of order, so the look goes back some way.
_RECENT = select(func.coalesce(func.max(RunRow.last_progress_id), 0) - LOOK_BACK).scalar_subquery()
_MOVED = (
    select(ProgressRow.test_id).join(RunRow, RunRow.run_id == ProgressRow.test_id)
    .where(ProgressRow.id > _RECENT, or_(RunRow.last_progress_id.is_(None), ProgressRow.id > RunRow.last_progress_id))
    .where(spelled(ProgressRow.status).in_([literal(spelling(phase)) for phase in Phase])))
_RESTARTED = select(RunRow.run_id).where(RunRow.last_progress_id.is_(None), RunRow.status != RunStatus.QUEUED.value)
_PENDING = select(RunRow.run_id).where(RunRow.status == UNJUDGED)
_BEHIND = select(or_(_UNSEEN.exists(), _MOVED.exists(), _RESTARTED.exists(), _PENDING.exists()))


def catch_up(now: datetime) -> None:
    """Make what this server knows of runs agree with the platform's tables; one small read where nothing happened.

    A run is registered when it is first seen, and its state derived anew when it has an event newer than the one its state
    came from, or when that event was deleted. Finished runs that wait to be judged are judged a few at a time; those of a
    database that is being adopted are left to the sweeper, so that no request waits for them.
    """
    if not read(_BEHIND).scalar_one():
        return
    while new := _unseen_runs():
        transact(partial(_sync, new, now))
    if changed := _changed_runs():
        judge_runs(changed)
    pending = _pending_runs(IN_BULK)
    if 0 < len(pending) < IN_BULK:
        judge_runs(pending[:AT_ONCE])


def judge_pending(at_most: int) -> int:
    """Judge finished runs that were registered but not judged yet, newest first. Returns how many there were."""
    pending = _pending_runs(at_most)
    if pending:
        judge_runs(pending)
    return len(pending)


def _pending_runs(at_most: int) -> list[int]:
    # In the order of the index by status: every request asks this, and hardly ever is there one.
    return list(read(_PENDING.order_by(RunRow.created_at.desc(), RunRow.run_id.desc()).limit(at_most)).scalars())


def judge_late_results(now: datetime) -> int:
    """Judge the runs anew of which the platform's own programs wrote results after their end. Returns how many.

    The lists and histories tell of them from then on; whoever looks at such a run before has it judged there and then. Looked
    through are the runs that ended within the last day, the newest 250 of them.
    """
    recent = (
        select(RunRow.run_id, IS_BEHIND.label("is_behind"))
        .where(RunRow.created_at >= now - LONGEST_RUN, RunRow.completed_at >= now - LATE, RunRow.status.in_(OVER))
        .order_by(RunRow.created_at.desc(), RunRow.run_id.desc()).limit(LATE_RUNS))
    behind = [run_id for run_id, is_behind in read(recent) if is_behind]
    if behind:
        judge_runs(behind)
    return len(behind)


def judge_runs(run_ids: Sequence[int]) -> None:
    """Derive the state of these runs, in a transaction of its own."""
    transact(partial(derive_states, run_ids))


def count_pending() -> int:
    """How many finished runs are not judged yet."""
    return session().execute(select(func.count()).where(RunRow.status == UNJUDGED)).scalar_one()


def sync_run(run_id: int, now: datetime) -> None:
    """Within a transaction: register this run, if it is not."""
    if session().get(RunRow, run_id) is None:
        _sync([run_id], now)


def _unseen_runs() -> Sequence[int]:
    return list(read(_UNSEEN.order_by(TestRow.id).limit(CHUNK)).scalars())


def find_overlooked_runs() -> Sequence[int]:
    """Runs with a lower id than the newest registered one that are not registered: their transaction ended late."""
    missing = select(TestRow.id).outerjoin(RunRow, RunRow.run_id == TestRow.id).where(RunRow.run_id.is_(None), is_id(TestRow.id))
    return list(session().execute(missing.order_by(TestRow.id).limit(CHUNK)).scalars())


def sync_overlooked(now: datetime) -> None:
    """Register the runs that `catch_up` cannot see; a sweep that is too dear for every request."""
    while overlooked := find_overlooked_runs():
        transact(partial(_sync, overlooked, now))


def _changed_runs() -> Sequence[int]:
    return list(read(_MOVED.distinct().union(_RESTARTED)).scalars())


def _sync(run_ids: Sequence[int], now: datetime) -> None:
    known = set(session().execute(select(RunRow.run_id).where(RunRow.run_id.in_(run_ids))).scalars())
    wanted = [run_id for run_id in run_ids if run_id not in known]
    rows = session().execute(
        select(TestRow.id, TestRow.platform, TestRow.branch, TestRow.commit, TestRow.pr_nr, func.coalesce(ForkRow.github, ""))
        .outerjoin(ForkRow, ForkRow.id == TestRow.fork_id).where(TestRow.id.in_(wanted)).order_by(TestRow.id)).all()
    requesters = dict(session().execute(
        select(TestForkRow.test_id, TestForkRow.user_id).join(UserRow, UserRow.id == TestForkRow.user_id)
        .where(TestForkRow.test_id.in_(wanted))).all())
    events = events_of(wanted)
    before = _created_before(rows[0].id, now) if rows else now
    values = []
    for row in rows:
        times = timeline(events.get(row.id, ()))
        first = next((event for event in events.get(row.id, ()) if event.at != NO_INSTANT), None)
        before = min(before, now) if first is None else first.at
        altered = [*_unreadable(row), *times.altered, *_undated(events.get(row.id, ()))]
        values.append({
            **_identity(row), "altered": " ".join(altered) or None, "created_at": before, "requester_id": requesters.get(row.id),
            "status": _first_status(times.phase),
            "last_progress_id": times.last_event_id, "started_at": times.started_at, "completed_at": times.completed_at,
            "expected_tests_id": None if times.phase and times.phase.is_finished else freeze_expected_tests(row.id)})
    if values:
        try:
            session().execute(insert(RunRow), values)
        except IntegrityError as taken:
            raise TransactionConflict("another process saw the same runs at the same time") from taken


def _first_status(phase: Phase | None) -> str:
    if phase is None:
        return RunStatus.QUEUED.value
    return UNJUDGED if phase.is_finished else RunStatus.RUNNING.value


def freeze_expected_tests(run_id: int) -> int:
    """Freeze what a run that is not over is to execute: the tests it was restricted to, else those active now."""
    return save_expected_tests(load_definitions(list_customized_tests(run_id) or list_active_tests()))


def _created_before(run_id: int, now: datetime) -> datetime:
    # A queued run says nothing of its age; it is as old as the nearest run before it, or as our first sight of it.
    nearest = select(RunRow.created_at).where(RunRow.run_id < run_id).order_by(RunRow.run_id.desc()).limit(1)
    return session().execute(nearest).scalar_one_or_none() or now


def _identity(row: Row[int, Platform | None, str, str, int, str]) -> dict[str, int | str | None]:
    return {
        "run_id": row[0], "platform": row[1] or STAND_IN_PLATFORM, "branch": row[2] or None, "commit_sha": row[3].lower()[:64],
        "pull_request": row[4] if row[4] > 0 else None, "repository": cut(repository_of(row[5]).lower(), 255)}


def _unreadable(row: Row[int, Platform | None, str, str, int, str]) -> Iterator[str]:
    """The fields of a run that say something else than its row, of which no sense can be made."""
    if row[1] is None:
        yield "platform"
    if row[4] < 0:
        yield "pull_request"


def _undated(events: Sequence[ProgressEvent]) -> Sequence[str]:
    return () if not events or events[0].dated else ("created_at", "queued_at")
