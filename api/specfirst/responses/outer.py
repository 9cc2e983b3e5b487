"""The outermost middleware: gives each request its context, adds headers, writes the access log."""
from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.specfirst.access.addresses import Addresses
from api.specfirst.request_context import AppContext, RequestContext, current
from api.specfirst.responses.access_log import AccessLogEntry
from api.specfirst.responses.headers import CorsHeaders, SecurityHeaders
from api.specfirst.responses.metrics import RequestMetrics
from api.specfirst.responses.request_id import HEADER, client_request_id
from api.specfirst.transport.loop_watch import LoopWatch
from api.specfirst.transport.unread import UnreadBody

# The client went away before there was an answer.
_NO_ANSWER = 499
_TOO_MANY = 429
STREAM = b"text/event-stream"


class OuterMiddleware:
    """Wraps everything else."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        app_context: AppContext,
        addresses: Addresses,
        security: SecurityHeaders,
        cross_origin: CorsHeaders,
        service_description: Callable[[str], bytes],
        new_request_id: Callable[[], str],
        request_metrics: RequestMetrics,
        watch: LoopWatch,
    ) -> None:
        self._app = app
        self._app_context = app_context
        self._addresses = addresses
        self._security = security
        self._cross_origin = cross_origin
        self._service_description = service_description
        self._new_request_id = new_request_id
        self._request_metrics = request_metrics
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = perf_counter()
        context = RequestContext(self._new_request_id(), self._app_context, self._addresses.client(scope))
        scope.setdefault("extensions", {})["ci.request"] = context
        current.set(context)
        self._watch.enter_request(context)
        status, streams = _NO_ANSWER, False
        body = UnreadBody(scope, receive)

        async def send_answer(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(scope, context, message, body)}
                self._request_metrics.answered(context.operation_id, scope["method"], status, perf_counter() - started)
                if any(name == b"content-type" and value.startswith(STREAM) for name, value in message["headers"]):
                    streams = True
                    self._request_metrics.stream_began(context.operation_id)
            await send(message)

        try:
            await self._app(scope, body.receive, send_answer)
        finally:
            self._log(scope, context, status, perf_counter() - started)
            if streams:
                self._request_metrics.stream_ended(context.operation_id)
            if status == _TOO_MANY and context.bucket is not None:
                self._request_metrics.refused(context.bucket)
            if status == _NO_ANSWER:
                self._request_metrics.answered(context.operation_id, scope["method"], status, perf_counter() - started)

    def _headers(self, scope: Scope, context: RequestContext, message: Message, body: UnreadBody) -> list[tuple[bytes, bytes]]:
        headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        headers += body.extra_headers(headers)
        headers += self._security.extra_headers(name for name, _ in headers)
        headers.append((HEADER, context.request_id.encode("ascii")))
        headers += context.rate_headers
        headers += self._cross_origin.headers(scope)
        headers.append((b"link", self._service_description(scope["path"])))
        return headers

    def _log(self, scope: Scope, context: RequestContext, status: int, seconds: float) -> None:
        AccessLogEntry(
            method=scope["method"] if scope["method"].isalpha() else "-",
            route=context.template,
            operation=context.operation_id,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            request_id=context.request_id,
            user_id=context.caller.user_id if context.caller else None,
            address=context.address,
            client_request_id=client_request_id(scope),
            subject=context.subject,
        ).write()
