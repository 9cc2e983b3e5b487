"""The queue and the branches, as the runs tell of them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from api.domain.page import Page, slice_page
from api.domain.projection import repository_of
from api.domain.queue import QueuedRun
from api.domain.run import Platform, RunStatus
from api.domain.text import contains
from api.storage.database import session
from api.storage.own_tables import RunRow
from api.storage.platform_tables import ForkRow, TestRow

OPEN = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of the queue, with how many runs wait and how many are being executed in all."""

    page: Page[QueuedRun]
    depth: int
    running: int


def load_queue(platform: Platform | None, status: RunStatus | None, *, limit: int, offset: int) -> Queue:
    """The runs that are not over: those being executed first, then the waiting ones in their order."""
    waiting = RunRow.status == RunStatus.QUEUED.value
    place = func.row_number().over(partition_by=(RunRow.platform, RunRow.status), order_by=RunRow.run_id)
    query = select(
        RunRow.run_id, RunRow.status, RunRow.platform, RunRow.created_at, RunRow.started_at,
        case((waiting, place), else_=None)).where(RunRow.status.in_(OPEN)).order_by(waiting, RunRow.run_id)
    rows = [
        QueuedRun(row[0], RunStatus(row[1]), Platform(row[2]), row[3], row[4], row[5])
        for row in session().execute(query if platform is None else query.where(RunRow.platform == platform.value))]
    shown = [row for row in rows if status in (None, row.status)]
    depth = sum(row.status is RunStatus.QUEUED for row in rows)
    return Queue(slice_page(shown, limit, offset), depth, len(rows) - depth)


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that runs were made of, with its newest run's commit and creation."""

    repository: str
    name: str
    head: str
    newest_at: datetime


def list_branches(
    repository: str | None, name: str | None, active_since: datetime, active: bool | None, *, limit: int, offset: int,
) -> Page[Branch]:
    """The distinct branches of runs, by repository and name.

    `name` is contained, without regard to ASCII case; `active` branches have a run since `active_since`.
    """
    query = (
        select(RunRow.branch, func.max(RunRow.run_id), func.max(RunRow.created_at))
        .where(RunRow.branch.is_not(None)).group_by(RunRow.repository, RunRow.branch).order_by(RunRow.repository, RunRow.branch))
    if repository is not None:
        query = query.where(RunRow.repository == repository.lower())
    # Databases fold case each in its own way, so the names, which are few, are compared here.
    newest = {
        run_id: at for branch, run_id, at in session().execute(query)
        if contains(branch or "", name) and active in (None, at >= active_since)}
    page = slice_page(list(newest), limit, offset)
    heads = _heads(page.items)
    return Page([Branch(*heads[run_id], newest[run_id]) for run_id in page.items], limit, offset, page.total)


def _heads(run_ids: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    rows = session().execute(
        select(TestRow.id, func.coalesce(ForkRow.github, ""), TestRow.branch, TestRow.commit)
        .outerjoin(ForkRow, ForkRow.id == TestRow.fork_id).where(TestRow.id.in_(run_ids)))
    return {row[0]: (repository_of(row[1]), row[2], row[3]) for row in rows}
