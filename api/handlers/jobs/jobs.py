"""Operations on jobs: submit, list, get, cancel, and download logs and artifacts."""
from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.auth.access import Role
from api.domain.errors import NotFound
from api.domain.jobs.job import Job, JobLogNotFound, JobStatus, visible
from api.domain.text.log import LogFilter, LogSource
from api.domain.text.log_level import LogLevel
from api.handlers.jobs import streams
from api.handlers.runs.logs import log_page
from api.rendering import jobs as render_jobs
from api.rendering.file_responses import file_answer
from api.rendering.timestamps import parse_instant
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer, etag
from api.specfirst.responses.next_page import next_page
from api.storage.database import transact
from api.storage.files.stored_file import Source
from api.storage.jobs import job_lists, jobs
from api.storage.jobs.artifacts import Nothing, open_artifact, read_manifest
from api.storage.jobs.job_lists import JobFilter
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import newest_attempt
from api.storage.jobs.projects import delete_project
from api.storage.text.log_windows import Readable
from api.streaming.project_upload import receive_job, submit_again
from api.streaming.work_queue import wake


async def submit_job(request: Request, timeout: int | None = None) -> Response:
    """Take a project, and send its job's log as it arrives."""
    streams.check_open_limit()
    return await streams.follow(await receive_job(request), streams.BEGINNING, send_job_id=False, timeout=timeout)


async def submit_job_and_tell(request: Request, timeout: int | None = None) -> Response:
    """Take a project, tell its job's id, and send the job's log as it arrives."""
    streams.check_open_limit()
    return await streams.follow(await receive_job(request), streams.BEGINNING, send_job_id=True, timeout=timeout)


async def submit_job_async(request: Request) -> Response:
    """Take a project, and tell its job's id."""
    job = await receive_job(request)
    return answer({"job_id": job.job_id})


def list_jobs(
    offset: int, status: str | None = None, limit: int | None = None, created_after: str | None = None, q: str | None = None,
    project: str | None = None, commit: str | None = None, branch: str | None = None, label: str | None = None,
    owner_id: int | None = None,
) -> tuple[list[dict[str, Any]], int, dict[str, str]]:
    """List the caller's jobs, all jobs for an admin, newest first."""
    wanted = JobFilter(
        seen_by=seen_by(), owner_id=owner_id, project=project, commit=commit, branch=branch,
        label=label, status=JobStatus(status) if status else None, created_after=parse_instant("created_after", created_after), q=q or None)
    found = job_lists.list_jobs(wanted, limit=limit, offset=offset)
    headers = {"X-Total-Count": str(found.total)} | next_page({"next_offset": found.next_offset})
    return [_shown(each) for each in found.items], HTTPStatus.OK, headers


def get_job(job_id: str) -> dict[str, Any]:
    """Show how a job stands, and how it was to be run."""
    job = load_visible(job_id)
    return _shown(job) | {"orders": render_jobs.orders(job.orders)}


def cancel_job(job_id: str) -> tuple[dict[str, Any], int]:
    """Cancel a job that waits, ask one that runs to stop, leave one that is over."""
    cancelled = transact(partial(_cancel, job_id))
    if cancelled.status is JobStatus.CANCELLED and not cancelled.attempt:
        delete_project(_store(), job_id)
    wake()
    return _shown(cancelled), HTTPStatus.ACCEPTED


def rerun_job(job_id: str) -> tuple[dict[str, Any], int]:
    """Queue the same project once more, as a job of the caller's."""
    return _shown(submit_again(load_visible(job_id))), HTTPStatus.ACCEPTED


def list_job_logs(
    job_id: str, limit: int, cursor: str | None = None, level: str | None = None, source: str | None = None,
    contains: str | None = None,
) -> dict[str, Any]:
    """Show the next lines of the log of a job's newest attempt."""
    job = load_visible(job_id)
    wanted = LogFilter(LogLevel(level) if level else None, LogSource(source) if source else None, contains or None)
    subject = f"job {job.job_id} {job.attempt_folder}"
    grows = job.status is JobStatus.RUNNING
    return log_page(_open_log(job), subject, cursor, limit, wanted, partial(render_jobs.log_line, job), grows=grows)


def list_job_artifacts(job_id: str) -> dict[str, Any]:
    """List what was kept of a job's newest attempt."""
    job = load_visible(job_id)
    return render_jobs.artifacts(job, read_manifest(_store().files, newest_attempt(job)))


async def get_job_artifact(
    request: Request, job_id: str, name: str, range: str | None = None, if_range: str | None = None,
) -> Response:
    """Send an artifact, or the part of it that is asked for."""
    found = await request_context.in_thread(_open_artifact, job_id, name)
    tag = etag(f"{job_id} {name} {found.version}".encode())
    return file_answer(found, tag=tag, filename=name.rpartition("/")[2], wanted=range, if_range=if_range)


def _shown(job: Job) -> dict[str, Any]:
    return render_jobs.job(job, with_owner=request_context.caller().role is Role.ADMIN)


def seen_by() -> int | None:
    """The account whose jobs alone the caller may see; None for who may see all."""
    caller = request_context.caller()
    return None if caller.role is Role.ADMIN else caller.user_id


def load_visible(job_id: str) -> Job:
    """A job that the caller may see. Raises NotFound for others."""
    return visible(jobs.load_job(job_id), request_context.caller())


def _cancel(job_id: str) -> Job:
    job = load_visible(job_id)
    jobs.cancel_job(job.job_id, request_context.now())
    return jobs.load_job(job.job_id)


def _open_log(job: Job) -> Readable:
    log = find_log(job)
    if log is None and job.status.is_finished and job.attempt:
        raise JobLogNotFound(job.job_id)
    return log or Nothing()


def find_log(job: Job) -> Readable | None:
    """The log of a job's newest attempt; None before it was begun, and once it was removed."""
    attempt = newest_attempt(job)
    return None if attempt is None else _store().logs.open(attempt)


def _open_artifact(job_id: str, name: str) -> Source:
    found = open_artifact(_store().files, newest_attempt(load_visible(job_id)), name)
    if found is None:
        raise NotFound("artifact", name, remedy="List the artifacts with GET /jobs/{job_id}/artifacts.")
    return found


def _store() -> JobStore:
    return request_context.collaborator(JobStore)
