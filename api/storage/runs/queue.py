"""Lists the queue, in the order in which runs are to be taken, and the branches, from the rows of runs."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, bindparam, case, exists, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from api.domain.display_bounds import repository_of
from api.domain.page import Page, slice_page
from api.domain.runs.queue import QueuedRun
from api.domain.runs.run import Platform, RunStatus
from api.domain.text.casefold import casefold_ascii, contains
from api.storage.database import read, session
from api.storage.platform_tables import ForkRow, TestRow
from api.storage.runs.run_rows import altered_in
from api.storage.tables.runs import RunRow
from api.storage.windows import find_window

OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)
# The statuses of runs that have a result of their commit, or will have one.
CONCLUSIVE = (*OPEN, RunStatus.PASS.value, RunStatus.FAIL.value)
# The kinds of runs in the order of the queue: those of the main repository's branches, those of pull requests and forks, and repeats.
MAIN, PROPOSED, REPEAT = range(3)


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of the queue. `depth` is the number of all waiting runs, `running` that of all runs being executed."""

    page: Page[QueuedRun]
    depth: int
    running: int


def load_queue(platform: Platform | None, status: RunStatus | None, main_repository: str, *, limit: int, offset: int) -> Queue:
    """List the runs that are not finished: first those being executed, by id, then the waiting ones by their places."""
    run = _in_turn(one_platform=platform is not None)
    waiting = run.c.status == RunStatus.QUEUED.value
    place = func.row_number().over(partition_by=(run.c.platform, run.c.status), order_by=_order(run))
    query = select(
        run.c.run_id, run.c.status, run.c.platform, run.c.created_at, run.c.started_at, case((waiting, place), else_=None),
        run.c.altered).order_by(waiting, case((waiting, place), else_=0), run.c.run_id)
    rows = [
        QueuedRun(row[0], RunStatus(row[1]), Platform(row[2]), row[3], row[4], row[5], altered_in(row[6]))
        for row in session().execute(query, _values(platform, main_repository))]
    shown = [row for row in rows if status in (None, row.status)]
    depth = sum(row.status is RunStatus.QUEUED for row in rows)
    return Queue(slice_page(shown, limit, offset), depth, len(rows) - depth)


def waiting_since(platform: Platform, main_repository: str) -> datetime | None:
    """Since when the run waits that is the next of the platform; None where there is none."""
    run = _in_turn(one_platform=True)
    query = select(run.c.created_at).where(run.c.status == RunStatus.QUEUED.value).order_by(*_order(run)).limit(1)
    return session().execute(query, _values(platform, main_repository)).scalar_one_or_none()


def list_waiting(platform: Platform, main_repository: str) -> list[int]:
    """The ids of the platform's waiting runs, in the order of the queue."""
    return [row[0] for row in read(_waiting(), _values(platform, main_repository))]


@cache
def _waiting() -> Select[int]:
    """Select the waiting runs of a platform. A machine that waits asks this again and again, so it is made once."""
    run = _in_turn(one_platform=True)
    return select(run.c.run_id).where(run.c.status == RunStatus.QUEUED.value).order_by(*_order(run))


def _values(platform: Platform | None, main_repository: str) -> dict[str, str | None]:
    return {"platform": None if platform is None else platform.value, "main_repository": casefold_ascii(main_repository)}


def _order(run: Subquery) -> tuple[ColumnElement[Any], ...]:
    return run.c.kind, run.c.turn, run.c.run_id


def _in_turn(*, one_platform: bool) -> Subquery:
    """The runs that are not finished, each with its kind and its turn among those of its kind and pull request, or branch.

    `_values` says which platform, and what the main repository is.

    Everybody's first run comes before anybody's second; what is being executed counts.
    """
    open_runs = select(
        *(getattr(RunRow, name) for name in (
            "run_id", "status", "platform", "created_at", "started_at", "altered", "pull_request", "repository", "branch")),
        _kind().label("kind")).where(RunRow.status.in_(OPEN))
    run = (open_runs.where(RunRow.platform == bindparam("platform")) if one_platform else open_runs).subquery()
    whose = run.c.platform, run.c.kind, run.c.pull_request, run.c.repository, run.c.branch
    turn = func.row_number().over(partition_by=whose, order_by=(run.c.status == RunStatus.QUEUED.value, run.c.run_id))
    return select(run, turn.label("turn")).subquery()


def _kind() -> ColumnElement[int]:
    earlier = aliased(RunRow)
    is_conclusive = and_(
        earlier.repository == RunRow.repository, earlier.platform == RunRow.platform, earlier.run_id < RunRow.run_id,
        earlier.status.in_(CONCLUSIVE))
    # In CASE, so that no database chooses another index than the one over commits.
    is_repeat = exists().where(earlier.commit_sha == RunRow.commit_sha, case((is_conclusive, 1), else_=0) == 1)
    is_main = and_(RunRow.pull_request.is_(None), RunRow.repository == bindparam("main_repository"))
    return case((is_repeat, REPEAT), (is_main, MAIN), else_=PROPOSED)


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that has runs. `head` and `newest_at` are the commit and the creation time of its newest run."""

    repository: str
    name: str
    head: str
    newest_at: datetime


def list_branches(
    repository: str | None, name: str | None, active_since: datetime, active: bool | None, *, limit: int, offset: int,
) -> Page[Branch]:
    """List the branches that have runs, in the order of repository and name.

    `name` is a part of the branch's name; ASCII case is ignored. A branch is active if it has a run since `active_since`;
    with `active` None all are listed.
    """
    groups, keys = _groups(repository, active_since, active), _keys(repository)
    if name is not None:
        page = slice_page(_named(groups.order_by(*keys), name), limit, offset)
    else:
        page = _cut(groups, keys, _count(repository, active_since, active), limit, offset)
    heads = _heads(page.items)
    return Page([heads[run_id] for run_id in page.items if run_id in heads], limit, offset, page.total)


def _keys(repository: str | None) -> list[InstrumentedAttribute[Any]]:
    """The columns to group and order branches by. For one repository its column is left out, which MariaDB answers faster."""
    return [RunRow.repository, RunRow.branch] if repository is None else [RunRow.branch]


def _named_branches(repository: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [RunRow.branch.is_not(None)]
    return conditions if repository is None else [*conditions, RunRow.repository == casefold_ascii(repository)]


def _groups(repository: str | None, active_since: datetime, active: bool | None) -> Select[*tuple[Any, ...]]:
    """Select the newest run of each branch, and the branch's name."""
    query = (
        select(func.max(RunRow.run_id).label("head"), RunRow.branch)
        .where(*_named_branches(repository)).group_by(*_keys(repository)))
    newest = func.max(RunRow.created_at)
    return query if active is None else query.having(newest >= active_since if active else newest < active_since)


def _count(repository: str | None, active_since: datetime, active: bool | None) -> int:
    """Count the branches. Active ones are counted from the runs since `active_since`, without reading older ones."""
    def count(*further: ColumnElement[bool]) -> int:
        # Grouped, not DISTINCT, which MariaDB makes a table for first.
        groups = select(literal(1)).select_from(RunRow).where(*_named_branches(repository), *further).group_by(*_keys(repository))
        return session().execute(select(func.count()).select_from(groups.subquery())).scalar_one()

    everything = 0 if active else count()
    return everything if active is None else abs(everything - count(RunRow.created_at >= active_since))


def _cut(
    groups: Select[*tuple[Any, ...]], keys: Sequence[InstrumentedAttribute[Any]], total: int, limit: int, offset: int,
) -> Page[int]:
    window = find_window(total, limit, offset)
    order = [key.desc() if window.backwards else key.asc() for key in keys]
    found = session().execute(groups.order_by(*order).limit(window.limit).offset(window.offset)).all()
    return Page([row.head for row in window.in_order(found)], limit, offset, total)


def _named(groups: Select[*tuple[Any, ...]], name: str) -> list[int]:
    # Databases fold case each in its own way: each leaves at least the branches that are meant, and they are compared here.
    roughly = func.instr(func.lower(RunRow.branch), func.lower(name)) > 0
    rows = session().execute(groups.where(roughly))
    return [row.head for row in rows if contains(row.branch, name)]


def _heads(run_ids: Sequence[int]) -> dict[int, Branch]:
    same = aliased(RunRow)
    # The first in the index's order: for a maximum MariaDB reads all runs of the branch.
    newest = (
        select(same.created_at).where(same.repository == RunRow.repository, same.branch == RunRow.branch)
        .order_by(same.created_at.desc()).limit(1))
    rows = session().execute(
        select(RunRow.run_id, func.coalesce(ForkRow.github, ""), TestRow.branch, TestRow.commit, newest.scalar_subquery())
        .join(TestRow, TestRow.id == RunRow.run_id).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id)
        .where(RunRow.run_id.in_(run_ids)))
    return {row[0]: Branch(repository_of(row[1]), row[2], row[3], row[4]) for row in rows}
