"""The outermost middleware: gives each request its context, adds headers, writes the access log."""
from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from types import TracebackType

from starlette.types import Message, Receive, Scope, Send

from api.specfirst.access.addresses import Addresses
from api.specfirst.request_context import AppContext, RequestContext, Stream, current
from api.specfirst.responses.access_log import AccessLogEntry
from api.specfirst.responses.crash_handler import CrashHandler
from api.specfirst.responses.headers import CorsHeaders, SecurityHeaders
from api.specfirst.responses.metrics import RequestMetrics
from api.specfirst.responses.request_id import HEADER, client_request_id
from api.specfirst.transport.loop_watch import LoopWatch
from api.specfirst.transport.unread import UnreadBody

# The client went away before there was an answer.
_NO_ANSWER = 499
_TOO_MANY = 429


class OuterMiddleware:
    """Wraps everything else."""

    def __init__(
        self,
        app: CrashHandler,
        *,
        app_context: AppContext,
        addresses: Addresses,
        security: SecurityHeaders,
        cross_origin: CorsHeaders,
        service_description: Callable[[str, str], bytes | None],
        new_request_id: Callable[[], str],
        request_metrics: RequestMetrics,
        watch: LoopWatch,
    ) -> None:
        self._app = app
        self._app_context = app_context
        self._no_request = RequestContext("-", app_context)
        self._addresses = addresses
        self._security = security
        self._cross_origin = cross_origin
        self._service_description = service_description
        self._new_request_id = new_request_id
        self._request_metrics = request_metrics
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        opened = await self._answer({**scope, "extensions": dict(scope.get("extensions", ()))}, receive, send)
        # See `open_stream`.
        del scope
        if opened is not None:
            with opened:
                await opened.stream.run(receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> OpenStream | None:
        """Answer with all but the events of a stream, which are left to the caller."""
        started = perf_counter()
        context = RequestContext(self._new_request_id(), self._app_context, self._addresses.client(scope))
        scope["extensions"]["ci.request"] = context
        current.set(context)
        self._watch.enter_request(context)
        status = _NO_ANSWER
        body = UnreadBody(scope, receive)

        async def send_answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(scope, context, message, body)}
                self._request_metrics.answered(context.operation_id, scope["method"], status, perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, body.receive, send_answer)
        finally:
            entry = _entry(scope, context, status)
            if context.stream is None:
                entry.write(perf_counter() - started)
            if status == _TOO_MANY and context.bucket is not None:
                self._request_metrics.refused(context.bucket)
            if status == _NO_ANSWER:
                self._request_metrics.answered(context.operation_id, scope["method"], status, perf_counter() - started)
        if context.stream is None:
            return None
        self._watch.leave_request()
        current.set(self._no_request)
        return OpenStream(context.stream, entry, started, self._request_metrics, self._app)

    def _headers(self, scope: Scope, context: RequestContext, message: Message, body: UnreadBody) -> list[tuple[bytes, bytes]]:
        headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        headers += body.extra_headers(headers)
        headers += self._security.extra_headers(name for name, _ in headers)
        headers.append((HEADER, context.request_id.encode("ascii")))
        headers += context.rate_headers
        headers += self._cross_origin.headers(scope)
        described = self._service_description(context.document, scope["path"])
        if described is not None:
            headers.append((b"link", described))
        return headers


class OpenStream:
    """A stream that is being sent: what is counted and logged at its end."""

    __slots__ = ("_crash_handler", "_entry", "_request_metrics", "_started", "stream")

    def __init__(
        self, stream: Stream, entry: AccessLogEntry, started: float, request_metrics: RequestMetrics, crash_handler: CrashHandler,
    ) -> None:
        self.stream = stream
        self._entry, self._started, self._request_metrics, self._crash_handler = entry, started, request_metrics, crash_handler

    def __enter__(self) -> None:
        """Count the client."""
        self._request_metrics.stream_began(self._entry.operation)

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None) -> None:
        """Count it no longer, and log the request, with what broke the stream."""
        entry = self._entry
        if isinstance(raised, Exception):
            self._crash_handler.log_crash(raised, entry.request_id, entry.method, entry.route)
        entry.write(perf_counter() - self._started)
        self._request_metrics.stream_ended(entry.operation)


def _entry(scope: Scope, context: RequestContext, status: int) -> AccessLogEntry:
    return AccessLogEntry(
        method=scope["method"] if scope["method"].isalpha() else "-",
        route=context.template,
        operation=context.operation_id,
        status=status,
        request_id=context.request_id,
        user_id=context.caller.user_id if context.caller else None,
        address=context.address,
        client_request_id=client_request_id(scope),
        subject=context.subject,
    )
