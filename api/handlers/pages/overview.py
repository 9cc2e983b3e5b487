"""Operations of the pages over many runs: the front page, the list of runs, a pull request."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flask

from api.domain.auth.access import Scope
from api.domain.errors import NotFound
from api.domain.health import OK
from api.domain.jobs.job import Job
from api.domain.page import Page
from api.domain.results.approval import ApprovalStatus
from api.domain.runs.run import Platform, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.handlers.jobs import jobs
from api.handlers.pages.answering import show
from api.handlers.pages.failures import failures_of
from api.handlers.system.system import look
from api.rendering.pages.grid import grid_of
from api.services.results.analyses import find_causes
from api.services.runs import runs
from api.specfirst import request_context
from api.storage.jobs import job_lists
from api.storage.jobs.job_lists import JobFilter
from api.storage.results.approvals import list_approvals
from api.storage.runs import queue
from api.storage.runs.newest_runs import load_newest_main_runs, load_test_counts
from api.storage.runs.runs import find_commit

RED_RUNS, QUEUED_RUNS, NEWEST_JOBS, PAGE_SIZE = 6, 6, 3, 50


def front_page() -> flask.Response:
    """Show what is red, what main is like, what runs, and what waits for a decision."""
    repository = request_context.values().main_repository
    red, main = _newest(RunFilter(status=RunStatus.FAIL), RED_RUNS).items, load_newest_main_runs(repository)
    unwell = [found for found in look() if found.status != OK]
    causes = find_causes([run.run_id for run in red])
    return show(
        "front.html", red=[{"run": run, "causes": causes.get(run.run_id, ())} for run in red], main=main,
        counts=_counts([*red, *main]), queue=queue.load_queue(None, None, repository, limit=QUEUED_RUNS, offset=0),
        proposals=list_approvals(ApprovalStatus.PENDING, None, limit=1, offset=0).total, unwell=unwell, jobs=_own_jobs())


def runs_page(
    status: str, branch: str, commit: str, platform: str, pull_request: str, view: str, cursor: str | None = None,
) -> flask.Response:
    """Show runs, newest first."""
    wanted = RunFilter(
        status=RunStatus(status) if status else None, branch=branch or None, commit_sha=(find_commit(commit) or commit) if commit else None,
        platform=Platform(platform) if platform else None, pull_request=int(pull_request) if pull_request else None)
    found = _newest(wanted, PAGE_SIZE, cursor)
    asked = {"status": status, "branch": branch, "commit": commit, "platform": platform, "pull_request": pull_request}
    return show(
        "runs.html", found=found, counts=_counts(found.items), asked=asked, view=view,
        grid=grid_of(found.items) if view == "grid" else None, statuses=list(RunStatus), platforms=list(Platform))


def pull_request_page(pull_request: int) -> flask.Response:
    """Show the runs of a pull request by commit, and what its newest finished run breaks."""
    found = _newest(RunFilter(pull_request=pull_request), PAGE_SIZE)
    if not found.items:
        raise NotFound("pull_request", pull_request)
    finished = next((run for run in found.items if run.status.is_finished), None)
    newest = None if finished is None else runs.show_run(finished.run_id, request_context.now())
    return show(
        "pull_request.html", number=pull_request, found=found, counts=_counts(found.items), grid=grid_of(found.items), newest=newest,
        **({"triage": None, "groups": ()} if newest is None else failures_of(newest, "cause")))


def _own_jobs() -> Page[Job] | None:
    """The newest jobs that the reader may see; None for who may see none."""
    reader = request_context.current.get().caller
    if reader is None or Scope.RUNS_READ not in reader.scopes:
        return None
    return job_lists.list_jobs(JobFilter(seen_by=jobs.seen_by()), limit=NEWEST_JOBS, offset=0)


def _newest(wanted: RunFilter, limit: int, cursor: str | None = None) -> Page[Run]:
    return runs.list_runs(wanted, RunSort.CREATED_AT_DESC, limit=limit, cursor=cursor)


def _counts(found: Sequence[Run]) -> Any:
    return load_test_counts([run.run_id for run in found])
