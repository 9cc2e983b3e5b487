"""Receives a project: streams it to disk, checks it, stores it, and then inserts its job."""
from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from starlette.requests import Request

from api.domain.errors import Invalid, TooMany, Unavailable
from api.domain.jobs.agents import can_accept
from api.domain.jobs.job import Job, JobStatus, check_waiting
from api.domain.jobs.webhook import check_webhook_url
from api.domain.random_source import RandomSource
from api.domain.runs.worker_message import Malformed
from api.jobs.project.scanner import Scanner
from api.jobs.wakeup.wakeup import Wakeup
from api.services.policies import JobRules
from api.specfirst import request_context
from api.specfirst.multipart import read_form
from api.storage.database import database_now, transact
from api.storage.files.incoming import FileStore, Incoming
from api.storage.jobs import jobs
from api.storage.jobs.agents import list_agents
from api.storage.jobs.files import JobFiles
from api.storage.jobs.projects import IncomingProject, forget_project, open_project, require_room
from api.storage.jobs.zip_directory import check_zip
from api.streaming.stream_limits import UploadLimits

FIELDS = frozenset({"priority", "web_hook"})
# How many bytes of the file store's disk projects leave free.
DISK_RESERVE = 256 << 20
PRIORITIES = range(-10, 11)
_NUMBER = re.compile(r"-?[0-9]{1,2}")


async def receive_job(request: Request) -> Job:
    """Take a project and put its job into the queue. Raises what is wrong with it; then nothing of it is kept."""
    rules, seats, sender = request_context.collaborator(JobRules), request_context.collaborator(UploadLimits), request_context.caller()
    if not rules.accepted:
        raise Unavailable("This server takes no jobs.", retry_after=3600)
    seats.check(sender.user_id)
    with seats.taken(sender.user_id):
        return await _receive(request, rules)


async def _receive(request: Request, rules: JobRules) -> Job:
    await request_context.in_thread(_refuse_at_once, rules, _announced(request))
    job_id = str(UUID(bytes=request_context.collaborator(RandomSource).random_bytes(16), version=4))
    project = open_project(request_context.collaborator(FileStore), job_id, reserve=DISK_RESERVE)
    try:
        fields = await _read(request, project.file, rules)
        return await request_context.in_thread(_submit, fields, project, rules)
    finally:
        if project.file.has_begun:
            await request_context.in_thread(project.file.discard)


def _refuse_at_once(rules: JobRules, announced: int) -> None:
    """Refuse what needs no look into the project, before it is sent."""
    if not can_accept(list_agents(), database_now()):
        raise Unavailable("No agent has a sandbox that can run projects.", retry_after=60)
    check_waiting(jobs.count_waiting(request_context.caller().user_id), rules.waiting)
    require_room(request_context.collaborator(FileStore), DISK_RESERVE + announced)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


async def _read(request: Request, incoming: Incoming, rules: JobRules) -> Mapping[str, str]:
    try:
        fields, has_file = await read_form(request, incoming, max_file=rules.zip_bytes)
    except Malformed as wrong:
        raise Invalid({"body": "Is no multipart form that can be read."}) from wrong
    errors = {name[:100]: "Is not known." for name in fields if name not in FIELDS}
    if not has_file:
        errors["file"] = "Is required."
    if _priority(fields) not in PRIORITIES:
        errors["priority"] = "Must be a whole number from -10 to 10."
    if errors:
        raise Invalid(errors)
    return fields


def _priority(fields: Mapping[str, str]) -> int | None:
    text = fields.get("priority", "0")
    return int(text) if _NUMBER.fullmatch(text) else None


def _submit(fields: Mapping[str, str], project: IncomingProject, rules: JobRules) -> Job:
    web_hook = fields.get("web_hook")
    if web_hook is not None:
        check_webhook_url(web_hook, rules.hook_hosts, rules.hook_private)
    # A file without a byte is a file as well, and no zip.
    project.file.write(b"")
    check_zip(project.path, rules.limits)
    request_context.collaborator(Scanner).check(project.path)
    job = Job(
        job_id=project.job_id, owner_id=request_context.caller().user_id, status=JobStatus.QUEUED, created_at=request_context.now(),
        priority=_priority(fields) or 0, web_hook=web_hook)
    project.keep(request_context.collaborator(JobFiles))
    try:
        transact(partial(_put_into_queue, job, rules))
    except TooMany:
        forget_project(request_context.collaborator(JobFiles), job.job_id)
        raise
    wake()
    return job


def _put_into_queue(job: Job, rules: JobRules) -> None:
    check_waiting(jobs.count_waiting(job.owner_id), rules.waiting)
    jobs.submit_job(job)


def wake() -> None:
    """Tell the agents that there is something new."""
    request_context.collaborator(Wakeup).wake()  # type: ignore[type-abstract]
