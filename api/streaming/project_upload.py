"""Receives a project: streams it to disk, checks it, stores it, and then inserts its job."""
from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from starlette.requests import Request

from api.domain.errors import Invalid, TooMany, Unavailable
from api.domain.jobs.agents import can_accept
from api.domain.jobs.declarations import MAX_BYTES, PYPROJECT
from api.domain.jobs.identity import IDENTITY_FIELDS, identity_errors, identity_of
from api.domain.jobs.job import Job, JobStatus, ProjectZip, QuotaExceeded, check_quota, check_waiting
from api.domain.jobs.orders import NAMES, read_project
from api.domain.jobs.orders import read_form as read_orders
from api.domain.jobs.webhook import check_webhook_url
from api.domain.random_source import RandomSource
from api.domain.runs.worker_message import Malformed
from api.host.full_disk import DISK_RESERVE
from api.jobs.project.scanner import Scanner
from api.jobs.project.zip_directory import check_zip, read_text
from api.services.policies import JobPolicy
from api.specfirst import request_context
from api.specfirst.multipart import read_form
from api.storage.database import database_now, transact
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.jobs import jobs
from api.storage.jobs.agents import list_agents
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.projects import IncomingProject, delete_project, open_project, share_project
from api.streaming.library_upload import content_length
from api.streaming.stream_limits import UploadLimits
from api.streaming.work_queue import wake

FIELDS = frozenset({"priority", "web_hook"}) | IDENTITY_FIELDS | NAMES
PRIORITIES = range(-10, 11)
_NUMBER = re.compile(r"-?[0-9]{1,2}")


async def receive_job(request: Request) -> Job:
    """Receive a project and queue its job. After a refusal nothing of it is kept."""
    policy, limits, caller = request_context.collaborator(JobPolicy), request_context.collaborator(UploadLimits), request_context.caller()
    if not policy.accepted:
        raise Unavailable("This server takes no jobs.", retry_after=3600)
    limits.check(caller.user_id)
    with limits.acquire(caller.user_id):
        return await _receive(request, policy)


async def _receive(request: Request, policy: JobPolicy) -> Job:
    await request_context.in_thread(_check_admission, policy, content_length(request))
    job_id = _new_id()
    project = open_project(request_context.collaborator(FileStore), job_id, reserve=DISK_RESERVE)
    try:
        fields = await _read(request, project.file, policy)
        return await request_context.in_thread(_submit, fields, project, policy)
    finally:
        if project.file.has_begun:
            await request_context.in_thread(project.file.discard)


def _new_id() -> str:
    return str(UUID(bytes=request_context.collaborator(RandomSource).random_bytes(16), version=4))


def _check_admission(policy: JobPolicy, length: int) -> None:
    """Refuse before the body is received, where its content does not matter."""
    if not can_accept(list_agents(), database_now()):
        raise Unavailable("No agent has a sandbox that can run projects.", retry_after=60)
    _check_account(request_context.caller().user_id, length, policy)
    request_context.collaborator(FileStore).require_room(DISK_RESERVE + length)


async def _read(request: Request, incoming: IncomingFile, policy: JobPolicy) -> Mapping[str, str]:
    try:
        form = await read_form(request, incoming, max_file=policy.zip_bytes)
    except Malformed as wrong:
        raise Invalid({"body": "Is no multipart form that can be read."}) from wrong
    fields = form.fields
    errors = {name[:100]: "Is not known." for name in fields if name not in FIELDS}
    if not form.has_file:
        errors["file"] = "Is required."
    if _priority(fields) not in PRIORITIES:
        errors["priority"] = "Must be a whole number from -10 to 10."
    errors |= identity_errors(fields) | read_orders(fields)[1]
    if errors:
        raise Invalid(errors)
    return fields


def _priority(fields: Mapping[str, str]) -> int | None:
    text = fields.get("priority", "0")
    return int(text) if _NUMBER.fullmatch(text) else None


def _submit(fields: Mapping[str, str], project: IncomingProject, policy: JobPolicy) -> Job:
    web_hook = fields.get("web_hook")
    if web_hook is not None:
        check_webhook_url(web_hook, policy.hook_hosts, policy.hook_private)
    # An empty upload has no file yet; it is refused as no zip.
    project.file.write(b"")
    check_zip(project.path, policy.limits)
    request_context.collaborator(Scanner).check(project.path)
    said, errors = read_project(read_text(project.path, PYPROJECT, MAX_BYTES))
    if errors:
        raise Invalid(errors)
    job = Job(
        job_id=project.job_id, owner_id=request_context.caller().user_id, status=JobStatus.QUEUED, created_at=request_context.now(),
        priority=_priority(fields) or 0, web_hook=web_hook, orders=read_orders(fields)[0].over(said),
        identity=identity_of(fields), kept_bytes=project.file.size, zip=ProjectZip(project.file.digest, project.file.size))
    project.keep(request_context.collaborator(JobStore))
    _queue(job, policy)
    return job


def submit_again(job: Job) -> Job:
    """Queue the project of a job once more, as a job of the caller's. Raises NotFound where it was removed."""
    policy = request_context.collaborator(JobPolicy)
    _check_admission(policy, 0)
    caller, job_id = request_context.caller(), _new_id()
    share_project(request_context.collaborator(JobStore), job.job_id, job_id)
    again = Job(
        job_id=job_id, owner_id=caller.user_id, status=JobStatus.QUEUED, created_at=request_context.now(), priority=min(job.priority, 0),
        orders=job.orders, identity=job.identity, rerun_of=job.job_id, kept_bytes=job.zip.size if job.zip else None, zip=job.zip)
    _queue(again, policy)
    return again


def _queue(job: Job, policy: JobPolicy) -> None:
    """Put a job into the queue whose project is in its place; after a refusal nothing of it is kept."""
    try:
        transact(partial(_put_into_queue, job, policy))
    except (TooMany, QuotaExceeded):
        delete_project(request_context.collaborator(JobStore), job.job_id)
        raise
    wake()


def _put_into_queue(job: Job, policy: JobPolicy) -> None:
    _check_account(job.owner_id, job.kept_bytes or 0, policy)
    jobs.submit_job(job)


def _check_account(owner_id: int, wanted: int, policy: JobPolicy) -> None:
    waiting, kept = jobs.count_of_account(owner_id, since=request_context.now() - policy.retention)
    check_waiting(waiting, policy.waiting)
    check_quota(kept, wanted, policy.quota)
