"""The router: answers 429, 404 and 405, then serves static pages, and passes operations on to Connexion."""
from __future__ import annotations

from http import HTTPStatus

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.domain.errors import Forbidden
from api.domain.runs.worker_message import Answer
from api.specfirst.access.authentication import match_of
from api.specfirst.access.rate_limits import DEFERRED, WORKER
from api.specfirst.access.same_origin import is_same_origin
from api.specfirst.access.security import context_of
from api.specfirst.binding.routing import Endpoint, Operation
from api.specfirst.request_context import RequestContext
from api.specfirst.responses.error_responses import method_not_allowed, unknown_path
from api.specfirst.responses.headers import CorsHeaders
from api.specfirst.responses.static_pages import Page


class Router:
    """Routes each request to a static page or an operation."""

    def __init__(self, app: ASGIApp, cross_origin: CorsHeaders, public_url: str) -> None:
        self._app, self._cross_origin, self._public_url = app, cross_origin, public_url

    def _check_origin(self, target: Operation | Page, scope: Scope) -> None:
        """Raise Forbidden for a form that another site sends: the browser would send the session along."""
        is_form = isinstance(target, Operation) and target.cookie is not None and target.method != "GET"
        if is_form and not is_same_origin(scope, self._public_url):
            raise Forbidden(
                "This was not asked from a page of this server.", {"reason": "cross_origin"}, remedy="Open the page here, and try again.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on as Connexion's routing would."""
        preflight = self._cross_origin.preflight(scope)
        if preflight is not None:
            await send({"type": "http.response.start", "status": 204, "headers": list(preflight)})
            await send({"type": "http.response.body", "body": b""})
            return
        match, context = match_of(scope), context_of(scope)
        found = match.target(scope["method"])
        target = found[0] if found else None
        held_back = isinstance(target, Operation) and target.bucket in DEFERRED and context.run_token_known
        if context.over_limit is not None and not held_back:
            raise context.over_limit
        if not match.routes:
            raise unknown_path()
        if found is None or target is None:
            raise method_not_allowed(match.methods)
        self._check_origin(target, scope)
        if isinstance(target, Operation) and target.bucket == WORKER and not context.run_token_known:
            await _refuse_stranger(context, scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # What answers GET answers HEAD, down to the last header; only the bytes stay here.
            scope, send = {**scope, "method": "GET"}, _bodiless(send)
            context.headers_alone = True
        if isinstance(target, Page | Endpoint):
            await target(scope, receive, send)
            return
        scope["path_params"] = dict(found[1])
        scope["extensions"][ROUTING_CONTEXT] = {"api_base_path": target.base_path, "operation_id": target.operation_id}
        await self._app(scope, receive, send)


async def _refuse_stranger(context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a report that lacks its run's secret, without a look at its body. Raises what hindered the look-up of the secret."""
    if context.run_token_known is None and context.failure is not None:
        raise context.failure
    await PlainTextResponse(Answer.FAIL, HTTPStatus.FORBIDDEN)(scope, receive, send)


def _bodiless(send: Send) -> Send:
    async def without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return without_body
