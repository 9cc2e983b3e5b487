"""Operations on the system: health, queue, branches, environments."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.background import dependency_of
from api.domain.files.artifact import ArtifactType, artifacts_of
from api.domain.health import DOWN, Dependency, overall
from api.domain.page import slice_page
from api.domain.runs.environment import Environment
from api.domain.runs.run import Platform, Run, RunStatus
from api.rendering import artifacts as render_artifacts
from api.rendering import runs as render_runs
from api.services.health_probes import HealthProbes
from api.services.policies import Environments
from api.services.results.verdicts import judge_run
from api.services.runs import runs
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer
from api.storage.files.archive import Archive
from api.storage.runs import queue
from api.supervision.loop import Background

RETRY_AFTER = "5"
# How long after its newest run a branch counts as active.
BRANCH_ACTIVE_FOR = timedelta(days=90)


def list_artifacts(run: Run, limit: int, offset: int, type: str | None = None) -> dict[str, Any]:
    """List the files that a run should have; those of the page are looked for."""
    listed = artifacts_of(run.run_id, run.platform, judge_run(run).tests, ArtifactType(type) if type else None)
    found = slice_page(listed, limit, offset)
    archive, base = request_context.collaborator(Archive), request_context.values().public_url + "/api/v1"
    places = archive.look(render_artifacts.stored_names(found.items, run.platform))
    return render_runs.page(found, lambda each: render_artifacts.artifact(each, run.platform, places, archive.link, base))


async def get_health(request: Request) -> Response:
    """Probe what the server depends on, and tell of what it does between requests."""
    status, found = await probe()
    shown = render_runs.health(status, request_context.now(), found)
    return answer(shown, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": RETRY_AFTER}) if status == DOWN else answer(shown)


async def probe() -> tuple[str, Sequence[Dependency]]:
    """How all is, and each thing that the server depends on or does between requests. No thread waits for the probes."""
    probed = await request_context.collaborator(HealthProbes).probe(limits_degraded=request_context.limits_degraded())
    found = (*probed, *_background())
    return overall(found), found


def look() -> Sequence[Dependency]:
    """What `probe` finds, for a thread that does not wait for what is slow to answer."""
    return (*request_context.collaborator(HealthProbes).look(limits_degraded=request_context.limits_degraded()), *_background())


def _background() -> Iterator[Dependency]:
    return map(dependency_of, request_context.collaborator(Background).states())


def list_queue(limit: int, offset: int, platform: str | None = None, status: str | None = None) -> dict[str, Any]:
    """List the runs that are not over, with how many wait and how many are being executed."""
    found = queue.load_queue(
        Platform(platform) if platform else None, RunStatus(status) if status else None, request_context.values().main_repository,
        limit=limit, offset=offset)
    return render_runs.page(found.page, render_runs.queued_run) | {"queue_depth": found.depth, "running_count": found.running}


def list_branches(
    limit: int, offset: int, repository: str | None = None, name: str | None = None, active: bool | None = None,
) -> dict[str, Any]:
    """List the branches that runs were made of."""
    since = request_context.now() - BRANCH_ACTIVE_FOR
    found = queue.list_branches(repository, name, since, active, limit=limit, offset=offset)
    return render_runs.page(found, lambda each: render_runs.branch(each.repository, each.name, each.head, each.newest_at >= since))


def list_environments(limit: int, offset: int, platform: str | None = None, active: bool | None = None) -> dict[str, Any]:
    """List the configured environments, with the mean duration of their platform's last runs."""
    wanted = [
        each for each in request_context.collaborator(Environments).configured
        if platform in (None, each.platform.value) and active in (None, each.active)]
    averages = {each: runs.average_duration(each) for each in Platform}

    def shown(each: Environment) -> dict[str, Any]:
        return render_runs.environment_of(each, averages[each.platform])

    return render_runs.page(slice_page(wanted, limit, offset), shown)
