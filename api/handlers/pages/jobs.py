"""Operations of the pages of jobs: their list, and one with what failed in it and its log."""
from __future__ import annotations

import flask

from api.domain.auth.access import Scope
from api.domain.jobs.job import JobStatus
from api.handlers.jobs import jobs
from api.handlers.pages.answering import lead_to, show
from api.handlers.pages.logs import part_of
from api.rendering import jobs as render_jobs
from api.services.policies import JobPolicy
from api.specfirst import request_context
from api.storage.jobs import job_lists
from api.storage.jobs.artifacts import Nothing, read_manifest
from api.storage.jobs.job_lists import JobFilter
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import newest_attempt

PAGE_SIZE, SHOWN_TESTS, SHOWN_FILES = 50, 100, 50


def jobs_page(status: str, project: str, branch: str, offset: int) -> flask.Response:
    """Show the reader's jobs, all jobs to an admin, newest first."""
    wanted = JobFilter(
        seen_by=jobs.seen_by(), status=JobStatus(status) if status else None, project=project or None, branch=branch or None)
    found = job_lists.list_jobs(wanted, limit=PAGE_SIZE, offset=offset)
    return show(
        "jobs.html", found=found, asked={"status": status, "project": project, "branch": branch}, statuses=list(JobStatus))


def job_page(job_id: str, q: str, first: int, line: int | None = None) -> flask.Response:
    """Show a job: how it stands, which tests failed, what was kept of it, and its log."""
    job = jobs.load_visible(job_id)
    log = jobs.find_log(job)
    kept = render_jobs.artifacts(job, read_manifest(request_context.collaborator(JobStore).files, newest_attempt(job)))
    report = kept["junit"] or {"failed": []}
    return show(
        "job.html", job=job, has_log=log is not None, log=part_of(log or Nothing(), q, first, line), report=kept["junit"],
        failed=report["failed"][:SHOWN_TESTS], artifacts=kept["artifacts"][:SHOWN_FILES], kept=kept, acts=_may_act())


def cancel_job_form(job_id: str) -> flask.Response:
    """Cancel a job, and lead back to it."""
    cancelled, _ = jobs.cancel_job(job_id)
    return lead_to(f"/view/jobs/{cancelled['job_id']}")


def rerun_job_form(job_id: str) -> flask.Response:
    """Queue the same project once more, and lead to the new job."""
    made, _ = jobs.rerun_job(job_id)
    return lead_to(f"/view/jobs/{made['job_id']}")


def _may_act() -> bool:
    """Whether the reader may cancel jobs and run them again."""
    reader, policy = request_context.caller(), request_context.collaborator(JobPolicy)
    return policy.accepted and str(reader.role) in policy.roles and Scope.RUNS_WRITE in reader.scopes
