"""Lists of jobs, by who asks and what is asked for, or by the machines that execute them."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Subquery, func, select

from api.domain.jobs.job import Job, JobStatus
from api.domain.page import Page
from api.storage.database import session
from api.storage.jobs.jobs import OWNER, RUNNING, WAITING, job_of
from api.storage.jobs.tables import JobRow


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a list of jobs is narrowed to; None asks for nothing. `q` is contained in the id, and a commit begins with `commit`.

    `seen_by` is the account that asks, unless it may see all; `owner_id` one whose jobs are wanted.
    """

    seen_by: int | None = None
    owner_id: int | None = None
    project: str | None = None
    commit: str | None = None
    branch: str | None = None
    label: str | None = None
    status: JobStatus | None = None
    created_after: datetime | None = None
    q: str | None = None


def list_jobs(wanted: JobFilter, *, limit: int | None, offset: int) -> Page[Job]:
    """Jobs, newest first, with their places in the queue while they wait; all of them without a limit."""
    conditions = _conditions(wanted)
    total = session().execute(select(func.count()).select_from(JobRow).where(*conditions)).scalar_one()
    queue = _queue_positions()
    query = select(JobRow, queue.c.place, OWNER).outerjoin(queue, queue.c.id == JobRow.id).where(*conditions)
    query = query.order_by(JobRow.created_at.desc(), JobRow.id.desc()).offset(offset).limit(limit)
    rows = session().execute(query.execution_options(populate_existing=True))
    return Page([replace(job_of(row), position=place, owner=owner) for row, place, owner in rows], limit or max(1, total), offset, total)


def list_executed_by(machines: Collection[str]) -> dict[str, list[str]]:
    """The jobs that each of these machines executes, by id; those that execute none are left out."""
    rows = session().execute(
        select(JobRow.agent, JobRow.id).where(JobRow.status == RUNNING, JobRow.agent.in_(machines)).order_by(JobRow.id))
    found: dict[str, list[str]] = {}
    for machine, job_id in rows:
        found.setdefault(str(machine), []).append(job_id)
    return found


def _queue_positions() -> Subquery:
    """The waiting jobs, each with its place in the queue."""
    order = (JobRow.priority.desc(), JobRow.created_at, JobRow.id)
    return select(JobRow.id, func.row_number().over(order_by=order).label("place")).where(JobRow.status == WAITING).subquery()


def _conditions(wanted: JobFilter) -> list[Any]:
    equal = (
        (JobRow.owner_id, wanted.seen_by), (JobRow.owner_id, wanted.owner_id), (JobRow.project, wanted.project),
        (JobRow.branch, wanted.branch), (JobRow.label, wanted.label))
    conditions: list[Any] = [column == value for column, value in equal if value is not None]
    if wanted.commit is not None:
        conditions.append(JobRow.commit.startswith(wanted.commit.lower(), autoescape=True))
    if wanted.status is not None:
        conditions.append(JobRow.status == wanted.status.value)
    if wanted.created_after is not None:
        conditions.append(JobRow.created_at > wanted.created_after)
    if wanted.q is not None:
        conditions.append(JobRow.id.contains(wanted.q.lower(), autoescape=True))
    return conditions
