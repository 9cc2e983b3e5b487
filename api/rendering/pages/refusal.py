"""What a person sees of a refusal."""
from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

import orjson
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp

from api.rendering.pages.template import HEADERS, KIND, rendered
from api.specfirst.request_context import RequestContext
from api.specfirst.responses.crash_handler import RefusedPage
from api.specfirst.responses.error_responses import Problem
from api.specfirst.transport.public_path import path_of

LOGIN = "/login"
# What a person is told instead of what a program is.
FAILED = "This page could not be made. The server's log says why, under the number of this request."
WRONG = "The address, or what was sent with it, is not right."
# Of these a request may be answered otherwise the next time.
PASSING = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


def refused_page(public_url: str) -> RefusedPage:
    """Makes pages of refusals; who is not known and wants to read is led to the way in, and from there to what was wanted."""
    def page(refused: Problem, context: RequestContext, method: str) -> ASGIApp:
        is_read = method in ("GET", "HEAD")
        if refused.status == HTTPStatus.UNAUTHORIZED and is_read:
            return RedirectResponse(path_of(public_url) + way_in(context), HTTPStatus.SEE_OTHER, {**HEADERS, "Content-Type": KIND})
        shown = rendered(
            "refusal.html", context.caller, public_url, context.app_context.clock(), title=_title(refused.status), status=refused.status,
            message=_message(refused), fields=_fields(refused), request_id=context.request_id,
            can_repeat=is_read and refused.status in PASSING,
            # Where no operation is, nobody looked for a session.
            way_in=None if context.operation_id is None else way_in(context) if is_read else LOGIN)
        return HTMLResponse(shown, refused.status, HEADERS | dict(refused.headers))

    return page


def way_in(context: RequestContext) -> str:
    """The login's address with the page that was wanted."""
    wanted = context.path + (f"?{context.query}" if context.query else "")
    return f"{LOGIN}?next={quote(wanted[:500], safe='')}"


def _fields(refused: Problem) -> dict[str, str]:
    """What is wrong with each parameter, where that was told."""
    found: dict[str, str] = orjson.loads(refused.body)["details"].get("fields", {})
    return found


def _message(refused: Problem) -> str:
    if refused.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return FAILED
    return WRONG if _fields(refused) else refused.message


def _title(status: int) -> str:
    return HTTPStatus(status).phrase.capitalize()
