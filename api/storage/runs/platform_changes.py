"""Reads from the platform's tables what its own programs did to runs, and registers runs that this server does not know."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.results.failure_code import RULES_VERSION
from api.domain.runs.run import Phase, Platform, RunStatus
from api.storage.column_types import is_id, spelled, spelling
from api.storage.database import TransactionConflict, change, read, session
from api.storage.platform_tables import ForkRow, ProgressRow, TestForkRow, TestRow, UserRow
from api.storage.runs.run_rows import IS_BEHIND, OVER, UNJUDGED
from api.storage.tables.runs import RunRow

CHUNK = 250
LOOK_BACK = 200
LATE, LATE_RUNS, MAX_RUN = timedelta(days=1), 250, timedelta(days=3)

_UNSEEN = select(TestRow.id).where(is_id(TestRow.id), TestRow.id > select(func.coalesce(func.max(RunRow.run_id), 0)).scalar_subquery())
# Ids are given out in order but may become visible a little out of order, so the look goes back some way.
_RECENT = select(func.coalesce(func.max(RunRow.last_progress_id), 0) - LOOK_BACK).scalar_subquery()
_MOVED = (
    select(ProgressRow.test_id).join(RunRow, RunRow.run_id == ProgressRow.test_id)
    .where(ProgressRow.id > _RECENT, or_(RunRow.last_progress_id.is_(None), ProgressRow.id > RunRow.last_progress_id))
    .where(spelled(ProgressRow.status).in_([literal(spelling(phase)) for phase in Phase])))
_RESTARTED = select(RunRow.run_id).where(RunRow.last_progress_id.is_(None), RunRow.status != RunStatus.QUEUED.value)
_PENDING = select(RunRow.run_id).where(RunRow.status == UNJUDGED)
_OUTDATED = select(RunRow.run_id).where(RunRow.rules_version < RULES_VERSION)
HAS_CHANGES = or_(_UNSEEN.exists(), _MOVED.exists(), _RESTARTED.exists(), _PENDING.exists())
_LOOK = select(HAS_CHANGES.label("has_changes"), or_(_PENDING.exists(), _OUTDATED.exists()).label("has_pending"))


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to do.

    `has_changes`: a run is new, has a new event, was restarted, or waits to be judged. `has_pending`: a run waits to be judged, for
    the first time or again.
    """

    has_changes: bool
    has_pending: bool


@dataclass(frozen=True, slots=True)
class PlatformRun:
    """A run as the platform's row has it. `platform` is None for a word that names none, `clone_url` empty without a fork."""

    run_id: int
    platform: Platform | None
    branch: str
    commit: str
    pull_request: int
    clone_url: str
    requester_id: int | None


def look() -> Look:
    """Ask the database, in one statement, what there is to do."""
    [row] = read(_LOOK)
    return Look(*row)


def list_unseen_runs() -> Sequence[int]:
    """The ids of the first 250 runs that are newer than every registered run, in order."""
    return [run_id for run_id, in read(_UNSEEN.order_by(TestRow.id).limit(CHUNK))]


def list_overlooked_runs() -> Sequence[int]:
    """The ids of the first 250 runs that are not registered. An older run is missing if its transaction ended after a newer one's."""
    missing = select(TestRow.id).outerjoin(RunRow, RunRow.run_id == TestRow.id).where(RunRow.run_id.is_(None), is_id(TestRow.id))
    return list(session().execute(missing.order_by(TestRow.id).limit(CHUNK)).scalars())


def list_changed_runs() -> Sequence[int]:
    """The ids of runs with an event newer than the one that their stored state was made from, or whose event was deleted."""
    return [run_id for run_id, in read(_MOVED.distinct().union(_RESTARTED))]


def list_pending_runs(at_most: int) -> list[int]:
    """The ids of up to `at_most` finished runs that are not judged yet, newest first."""
    # In the order of the index by status: every request asks this, and hardly ever is there one.
    return [run_id for run_id, in read(_PENDING.order_by(RunRow.created_at.desc(), RunRow.run_id.desc()).limit(at_most))]


def list_outdated_runs(at_most: int) -> list[int]:
    """The ids of up to `at_most` finished runs that were judged by older rules, newest first."""
    return [run_id for run_id, in read(_OUTDATED.order_by(RunRow.run_id.desc()).limit(at_most))]


def mark_outdated() -> int:
    """Within a transaction: mark all finished runs as judged by older rules, so that they are judged again. Returns their number."""
    return change(update(RunRow).where(RunRow.status.in_(OVER)).values(rules_version=0))


def count_pending() -> int:
    """The number of finished runs that are not judged yet or were judged by older rules."""
    counts = [select(func.count()).select_from(found.subquery()).scalar_subquery() for found in (_PENDING, _OUTDATED)]
    return sum(session().execute(select(*counts)).one())


def list_late_runs(now: datetime) -> list[int]:
    """The ids of runs that got results after their end. Only the newest 250 that ended within the last day are looked at."""
    recent = (
        select(RunRow.run_id, IS_BEHIND.label("is_behind"))
        .where(RunRow.created_at >= now - MAX_RUN, RunRow.completed_at >= now - LATE, RunRow.status.in_(OVER))
        .order_by(RunRow.created_at.desc(), RunRow.run_id.desc()).limit(LATE_RUNS))
    return [run_id for run_id, is_behind in read(recent) if is_behind]


def is_registered(run_id: int) -> bool:
    """Whether this server knows the run."""
    return session().get(RunRow, run_id) is not None


def load_unregistered(run_ids: Collection[int]) -> list[PlatformRun]:
    """Load those of the runs that this server does not know, in the order of their ids."""
    known = set(session().execute(select(RunRow.run_id).where(RunRow.run_id.in_(run_ids))).scalars())
    wanted = [run_id for run_id in run_ids if run_id not in known]
    requesters = dict(session().execute(
        select(TestForkRow.test_id, TestForkRow.user_id).join(UserRow, UserRow.id == TestForkRow.user_id)
        .where(TestForkRow.test_id.in_(wanted))).all())
    rows = session().execute(
        select(TestRow.id, TestRow.platform, TestRow.branch, TestRow.commit, TestRow.pr_nr, func.coalesce(ForkRow.github, ""))
        .outerjoin(ForkRow, ForkRow.id == TestRow.fork_id).where(TestRow.id.in_(wanted)).order_by(TestRow.id))
    return [PlatformRun(*row, requesters.get(row[0])) for row in rows]


def find_created_before(run_id: int) -> datetime | None:
    """The creation time of the newest registered run with a lower id; None if there is none."""
    nearest = select(RunRow.created_at).where(RunRow.run_id < run_id).order_by(RunRow.run_id.desc()).limit(1)
    return session().execute(nearest).scalar_one_or_none()


def register(values: list[dict[str, Any]]) -> None:
    """Within a transaction: insert rows of runs. Raises TransactionConflict if another process inserted one of them first."""
    try:
        session().execute(insert(RunRow), values)
    except IntegrityError as taken:
        raise TransactionConflict("another process saw the same runs at the same time") from taken
