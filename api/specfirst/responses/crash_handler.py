"""Turns refusals and unexpected exceptions into responses. Only this module catches everything."""
from __future__ import annotations

import logging
from collections.abc import Callable

from connexion.exceptions import OAuthProblem
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.domain.errors import Refusal, Unauthorized, Unavailable
from api.specfirst.access.security import context_of
from api.specfirst.request_context import RequestContext
from api.specfirst.responses.error_responses import HttpProblem, Problem, internal_error, problem

log = logging.getLogger(__name__)

# Makes the page that a person sees of a refusal, from that, the request's context and its method.
RefusedPage = Callable[[Problem, RequestContext, str], ASGIApp]


class CrashHandler:
    """Turns exceptions into the standard body; what was not foreseen is logged, and nothing of it is told."""

    def __init__(
        self, app: ASGIApp, is_outage: Callable[[BaseException], bool], refused_page: RefusedPage | None = None,
    ) -> None:
        self._app, self._is_outage, self._refused_page = app, is_outage, refused_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner application, and turn any exception into a response."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        context = context_of(scope)
        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.info("request %s: the client disconnected while sending", context.request_id)
        except Exception as raised:
            refusal = _refusal(raised) or self.log_crash(raised, context.request_id, scope["method"], context.template)
            if started:
                # The response has begun; only an aborted connection can tell the client.
                raise
            refused = problem(refusal, request_id=context.request_id, token_shown=context.token_shown)
            if context.is_page and self._refused_page is not None:
                await self._refused_page(refused, context, scope["method"])(scope, receive, send)
            else:
                await _send(send, context, refused)

    def log_crash(self, raised: Exception, request_id: str, method: str, template: str | None) -> Refusal | HttpProblem:
        """Log an exception that is no refusal; what the client is told of it."""
        if self._is_outage(raised):
            log.error("request %s of %s %s: %s", request_id, method, template, type(raised).__name__)
            return Unavailable("The database cannot be had at the moment.")
        log.error("request %s of %s %s failed", request_id, method, template, exc_info=raised)
        return internal_error()


def _refusal(raised: Exception) -> Refusal | HttpProblem | None:
    if isinstance(raised, Refusal | HttpProblem):
        return raised
    if isinstance(raised, OAuthProblem):
        return Unauthorized()
    return None


async def _send(send: Send, context: RequestContext, refused: Problem) -> None:
    kind, body = b"application/json", refused.body
    if context.text_errors:
        kind, body = b"text/plain; charset=utf-8", f"FAIL: {refused.message}".encode()
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in refused.headers]
    headers += [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
