"""Operations on the system, as the Sample Platform has them."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.domain.health import DOWN
from api.domain.runs.run import Platform, RunStatus
from api.handlers.system.system import RETRY_AFTER, probe
from api.rendering.platform import system as render
from api.rendering.platform.runs import page
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer
from api.storage import switches
from api.storage.catalog.releases import find_newest_release
from api.storage.runs import queue

Json = dict[str, Any]

LAST_COMMIT = "last_commit"


async def platform_get_health(request: Request) -> Response:
    """Probe what the server depends on."""
    status, found = await probe()
    shown = render.health(status, request_context.now(), found)
    return answer(shown, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": RETRY_AFTER}) if status == DOWN else answer(shown)


def platform_list_queue(limit: int, offset: int, platform: str | None = None, status: str | None = None) -> Json:
    """List the runs that are not over, with how many wait and how many are being executed."""
    found = queue.load_queue(
        Platform(platform) if platform else None, RunStatus(status) if status else None, request_context.values().main_repository,
        limit=limit, offset=offset)
    return page(found.page, render.queued_run, {"queue_depth": found.depth, "running_count": found.running})


def platform_get_about() -> Json:
    """Say what is tested here."""
    return render.about(find_newest_release(), switches.find_general_value(LAST_COMMIT))


def platform_get_maintenance() -> Json:
    """Say whether runs are started, platform by platform."""
    return {"platforms": [render.maintenance(platform, disabled) for platform, disabled in switches.load_maintenance().items()]}


def platform_list_blocked_users(limit: int, offset: int) -> Json:
    """List the GitHub accounts whose pull requests are not run."""
    return page(switches.list_blocked_users(limit=limit, offset=offset), lambda found: render.blocked_user(*found))
