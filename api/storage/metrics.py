"""Metrics of jobs and runs, in a fixed number of statements."""
from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from api.domain.jobs.agents import alive
from api.domain.jobs.job import JobReason, JobStatus
from api.domain.metrics import QueueMetrics
from api.domain.runs.run import Platform, RunStatus
from api.storage.database import database_now, session
from api.storage.jobs.agents import list_agents
from api.storage.jobs.jobs import count_jobs
from api.storage.jobs.tables import JobRow
from api.storage.jobs.webhooks import count_webhooks
from api.storage.results.analyses import count_due_runs
from api.storage.runs.queue import OPEN
from api.storage.tables.runs import RunRow

LATELY = timedelta(hours=1)
MAX_CLAIMS = 5000


def load_queue_metrics(now: datetime) -> QueueMetrics:
    """The state of the queues."""
    jobs = count_jobs()
    ended, refused = _outcomes()
    return QueueMetrics(
        at=now,
        waiting={priority: number for (status, priority), number in jobs.items() if status is JobStatus.QUEUED},
        running={priority: number for (status, priority), number in jobs.items() if status is JobStatus.RUNNING},
        ended=ended, refused=refused, oldest_waiting=_oldest_waiting(), claim_seconds=_claim_seconds(now - LATELY),
        agents=alive(list_agents(), database_now()),
        hooks=count_webhooks(), runs=_open_runs(), analyses=count_due_runs())


def _outcomes() -> tuple[dict[JobReason, int], int]:
    """How many jobs ended for which reason, and how many results of all jobs were refused."""
    rows = session().execute(select(JobRow.reason, func.count(), func.sum(JobRow.refused)).group_by(JobRow.reason)).all()
    return {JobReason(reason): number for reason, number, _ in rows if reason}, sum(int(refused) for _, _, refused in rows)


def _oldest_waiting() -> datetime | None:
    return session().execute(select(func.min(JobRow.created_at)).where(JobRow.status == JobStatus.QUEUED.value)).scalar_one()


def _claim_seconds(since: datetime) -> list[float]:
    rows = session().execute(
        select(JobRow.created_at, JobRow.start_time).where(JobRow.created_at > since, JobRow.start_time.is_not(None))
        .order_by(JobRow.created_at.desc()).limit(MAX_CLAIMS))
    return [max(0.0, (started - created).total_seconds()) for created, started in rows if started]


def _open_runs() -> dict[tuple[Platform, RunStatus], int]:
    rows = session().execute(
        select(RunRow.platform, RunRow.status, func.count()).where(RunRow.status.in_(OPEN)).group_by(RunRow.platform, RunRow.status))
    return {(Platform(platform), RunStatus(status)): number for platform, status, number in rows}
