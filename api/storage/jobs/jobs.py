"""Rows of jobs: claimed by compare-and-set, held by a lease, fenced by a number."""
from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update

from api.domain.jobs.identity import JobIdentity
from api.domain.jobs.job import (
    Cancel,
    Job,
    JobOutcome,
    JobReason,
    JobStatus,
    ProjectZip,
    RepeatReason,
    after_loss,
    decide_cancel,
    outcome_of,
    unknown_job,
)
from api.domain.jobs.orders import Orders
from api.domain.runs.machine import JobClaim
from api.storage.database import change, session
from api.storage.jobs.tables import JobRow, WebhookRow
from api.storage.platform_tables import UserRow

WAITING, RUNNING = JobStatus.QUEUED.value, JobStatus.RUNNING.value
OWNER = select(UserRow.name).where(UserRow.id == JobRow.owner_id).scalar_subquery()


def submit_job(job: Job) -> None:
    """Within a transaction: put a new job into the queue. Its zip is in its place already."""
    session().add(JobRow(
        id=job.job_id, owner_id=job.owner_id, status=WAITING, success=None, reason=None, exit_code=None, priority=job.priority,
        attempt=0, max_attempts=job.max_attempts, fence=0, attempt_fence=0, agent=None, lease_until=None, cancel_requested=False,
        created_at=job.created_at, start_time=None, end_time=None, web_hook=job.web_hook,
        rerun_of=job.rerun_of, kept_bytes=job.kept_bytes, **asdict(job.identity),
        zip_sha256=job.zip and job.zip.sha256, zip_bytes=job.zip and job.zip.size,
        orders=json.dumps(job.orders.as_json()) if job.orders != Orders() else None))
    session().flush()


def load_job(job_id: str, *, locked: bool = False) -> Job:
    """The job of this id, with its place in the queue while it waits; `locked`, within a transaction, holds its row. Raises NotFound."""
    # No join: it would lock the account too.
    query = select(JobRow, OWNER).where(JobRow.id == job_id).execution_options(populate_existing=True)
    found = session().execute(query.with_for_update() if locked else query).one_or_none()
    if found is None:
        raise unknown_job(job_id)
    job = replace(job_of(found[0]), owner=found[1])
    return replace(job, position=_position(job)) if job.status is JobStatus.QUEUED else job


def _position(job: Job) -> int:
    ahead = or_(
        JobRow.priority > job.priority,
        and_(JobRow.priority == job.priority, JobRow.created_at < job.created_at),
        and_(JobRow.priority == job.priority, JobRow.created_at == job.created_at, JobRow.id < job.job_id))
    return 1 + session().execute(
        select(func.count()).select_from(JobRow).where(JobRow.status == WAITING, ahead)).scalar_one()


def claim_job(machine: str, *, now: datetime, lease_until: datetime, per_owner: int) -> Job | None:
    """Within a transaction: take the next job. None where nothing may be started, or another was quicker.

    The order: priority, then the owner with fewer running, then age. Owners who run as many as they may are passed over.
    """
    found = session().execute(_queue(per_owner).limit(1)).first()
    if found is None:
        return None
    fence = found.fence + 1
    taken = change(update(JobRow).where(JobRow.id == found.id, JobRow.status == WAITING, JobRow.fence == found.fence).values(
        status=RUNNING, agent=machine, lease_until=lease_until, fence=fence, attempt_fence=fence, attempt=JobRow.attempt + 1,
        start_time=func.coalesce(JobRow.start_time, now)))
    return load_job(found.id) if taken else None


def _queue(per_owner: int) -> Select[str, int]:
    busy = (
        select(JobRow.owner_id, func.count().label("running")).where(JobRow.status == RUNNING).group_by(JobRow.owner_id).subquery())
    running = func.coalesce(busy.c.running, 0)
    return (
        select(JobRow.id, JobRow.fence).outerjoin(busy, busy.c.owner_id == JobRow.owner_id)
        .where(JobRow.status == WAITING, running < per_owner)
        .order_by(JobRow.priority.desc(), running, JobRow.created_at, JobRow.id))


def waiting_since(per_owner: int) -> datetime | None:
    """Since when the job waits that would be claimed next; None where there is none."""
    return session().execute(_queue(per_owner).with_only_columns(JobRow.created_at).limit(1)).scalar_one_or_none()


def is_any_waiting() -> bool:
    """Whether a job waits in the queue."""
    return session().execute(select(JobRow.id).where(JobRow.status == WAITING).limit(1)).first() is not None


def count_of_account(owner_id: int, *, since: datetime) -> tuple[int, int]:
    """How many jobs of an account wait in the queue, and how many bytes the files of its jobs take.

    Those of jobs that ended before `since` were removed.
    """
    waiting = func.count(case((JobRow.status == WAITING, 1)))
    kept = func.sum(case((or_(JobRow.end_time.is_(None), JobRow.end_time >= since), JobRow.kept_bytes), else_=0))
    found = session().execute(select(waiting, kept).where(JobRow.owner_id == owner_id)).one()
    return found[0], int(found[1] or 0)


def renew_leases(machine: str, fences: Mapping[str, int], lease_until: datetime) -> dict[str, Job]:
    """Within a transaction: prolong a machine's leases, given as fences by job; the jobs as they are now, which may ask to be cancelled.

    A job that is missing in the answer is no longer the machine's.
    """
    if not fences:
        return {}
    held = and_(
        JobRow.status == RUNNING, JobRow.agent == machine, or_(*(and_(JobRow.id == each, JobRow.fence == fences[each]) for each in fences)))
    change(update(JobRow).where(held).values(lease_until=lease_until))
    rows = session().execute(select(JobRow).where(held).execution_options(populate_existing=True)).scalars()
    return {row.id: job_of(row) for row in rows}


def list_claimed_by(machine: str) -> list[Job]:
    """The jobs that a machine has claimed, and that are not over."""
    return _jobs_where(JobRow.agent == machine)


def find_claimed(claim: JobClaim, machine: str, *, locked: bool = False) -> Job | None:
    """The job of a claim, if the machine still has it; `locked`, within a transaction, holds its row."""
    found = load_job_states([claim.job_id], locked=locked).get(claim.job_id)
    is_held = found is not None and found.status is JobStatus.RUNNING and found.fence == claim.fence and found.machine == machine
    return found if is_held else None


def list_expired(now: datetime) -> list[Job]:
    """The jobs whose lease has passed: their machine is gone, or has no way to say that it is not."""
    return _jobs_where(JobRow.lease_until < now)


def put_back(job: Job, now: datetime) -> bool:
    """Within a transaction: return a job to the queue whose attempt is not to take place, or end it, if it is to be cancelled.

    False where it is not held any more.
    """
    found = load_job_states([job.job_id], locked=True).get(job.job_id)
    if found is not None and found.cancel_requested:
        return _change_held(job, outcome_of(JobReason.CANCELLED, None), now)
    return _change_held(job, None, now, attempt=job.attempt - 1)


def give_up_job(job: Job, now: datetime, *, began: bool) -> bool:
    """Within a transaction: end, or put back into the queue, a job whose attempt is lost. False where it is not held any more.

    `began` says whether anything of it can have been run.
    """
    found = load_job_states([job.job_id], locked=True).get(job.job_id, job)
    outcome, why = after_loss(found, began=began), RepeatReason.LOST if began else RepeatReason.NOT_STARTED
    return _change_held(job, outcome, now, repeat_reason=None if outcome is not None else why.value)


def _change_held(job: Job, outcome: JobOutcome | None, now: datetime, **more: Any) -> bool:
    values = _WAITING_AGAIN if outcome is None else _end(outcome, now)
    # The fence grows, so that whoever held the job can report nothing any more.
    changed = bool(change(
        update(JobRow).where(JobRow.id == job.job_id, JobRow.fence == job.fence, JobRow.status == RUNNING)
        .values({**values, **more, "fence": JobRow.fence + 1})))
    if changed and outcome is not None:
        _queue_hook(job.job_id, now)
    return changed


_WAITING_AGAIN: Mapping[str, Any] = {"status": WAITING, "agent": None, "lease_until": None, "start_time": None}


def _jobs_where(condition: ColumnElement[bool]) -> list[Job]:
    rows = session().execute(
        select(JobRow).where(JobRow.status == RUNNING, condition).order_by(JobRow.id).execution_options(populate_existing=True)).scalars()
    return [job_of(row) for row in rows]


def finish_job(job_id: str, fence: int, outcome: JobOutcome, now: datetime) -> bool:
    """Within a transaction: record how a job ended. False, and only that is counted, where the claim is no longer this one's."""
    ended = change(
        update(JobRow).where(JobRow.id == job_id, JobRow.fence == fence, JobRow.status == RUNNING).values(_end(outcome, now)))
    if ended:
        _queue_hook(job_id, now)
    else:
        # One that asks again, since it did not hear that its result was taken, has the newest fence.
        count_refused(job_id, fence)
    return bool(ended)


def count_refused(job_id: str, fence: int) -> None:
    """Within a transaction: count a result that came with a claim that had passed on."""
    change(update(JobRow).where(JobRow.id == job_id, JobRow.fence != fence).values(refused=JobRow.refused + 1))


def cancel_job(job_id: str, now: datetime) -> Cancel:
    """Within a transaction: cancel a waiting job, ask a running one to stop, leave one that is over. Raises NotFound."""
    job = load_job(job_id, locked=True)
    decided = decide_cancel(job)
    if decided is Cancel.AT_ONCE:
        # One that never began has no use for its project, which goes.
        kept = {} if job.attempt else {"kept_bytes": 0}
        change(update(JobRow).where(JobRow.id == job_id).values(_end(outcome_of(JobReason.CANCELLED, None), now) | kept))
        _queue_hook(job_id, now)
    elif decided is Cancel.ASKED:
        change(update(JobRow).where(JobRow.id == job_id).values(cancel_requested=True))
    return decided


def _end(outcome: JobOutcome, now: datetime) -> dict[str, Any]:
    return {
        "status": outcome.status.value, "success": outcome.success, "reason": outcome.reason.value, "exit_code": outcome.exit_code,
        "end_time": now, "agent": None, "lease_until": None, "tests": outcome.tests, "failed_tests": outcome.failed_tests,
        "kept_bytes": func.coalesce(JobRow.kept_bytes, 0) + outcome.kept_bytes}


def _queue_hook(job_id: str, now: datetime) -> None:
    hook = session().execute(select(JobRow.web_hook).where(JobRow.id == job_id)).scalar_one()
    if hook is not None:
        session().add(WebhookRow(job_id=job_id, attempts=0, due_at=now))
        session().flush()


def load_job_states(job_ids: Collection[str], *, locked: bool = False) -> dict[str, Job]:
    """Those of these jobs that exist, by id; one statement however many are watched. `locked`, within a transaction, holds their rows."""
    query = select(JobRow).where(JobRow.id.in_(job_ids)).execution_options(populate_existing=True)
    rows = session().execute(query.with_for_update() if locked else query).scalars()
    return {row.id: job_of(row) for row in rows}


def count_running() -> int:
    """How many jobs machines have claimed."""
    return session().execute(select(func.count()).where(JobRow.status == RUNNING)).scalar_one()


def count_jobs() -> dict[tuple[JobStatus, int], int]:
    """How many jobs wait or run, by status and priority."""
    rows = session().execute(
        select(JobRow.status, JobRow.priority, func.count()).where(JobRow.status.in_((WAITING, RUNNING)))
        .group_by(JobRow.status, JobRow.priority))
    return {(JobStatus(status), priority): number for status, priority, number in rows}


def job_of(row: JobRow) -> Job:
    """The job that a row holds, without its owner's name."""
    return Job(
        job_id=row.id, owner_id=row.owner_id, status=JobStatus(row.status), created_at=row.created_at, priority=row.priority,
        attempt=row.attempt, fence=row.fence, attempt_fence=row.attempt_fence, max_attempts=row.max_attempts, success=row.success,
        reason=None if row.reason is None else JobReason(row.reason), exit_code=row.exit_code, start_time=row.start_time,
        end_time=row.end_time, cancel_requested=row.cancel_requested, web_hook=row.web_hook,
        identity=JobIdentity(row.project, row.commit, row.branch, row.label), rerun_of=row.rerun_of,
        repeat_reason=None if row.repeat_reason is None else RepeatReason(row.repeat_reason), tests=row.tests,
        failed_tests=row.failed_tests, kept_bytes=row.kept_bytes, machine=row.agent,
        zip=None if row.zip_sha256 is None else ProjectZip(row.zip_sha256, row.zip_bytes or 0),
        orders=Orders() if row.orders is None else Orders.from_json(json.loads(row.orders)))
