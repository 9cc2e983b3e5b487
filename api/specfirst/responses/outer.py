"""The outermost layer: each request gets its exchange, each answer its headers and its line in the access log."""
from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.specfirst.access.addresses import Addresses
from api.specfirst.request_context import Exchange, Surroundings, current
from api.specfirst.responses.access_log import Entry
from api.specfirst.responses.headers import CrossOrigin, SecurityHeaders
from api.specfirst.responses.metrics import Measures
from api.specfirst.responses.request_id import HEADER, client_request_id
from api.specfirst.transport.loop_watch import LoopWatch
from api.specfirst.transport.unread import UnreadBody

# The client went away before there was an answer.
_NO_ANSWER = 499
_TOO_MANY = 429
STREAM = b"text/event-stream"


class Envelope:
    """Wraps everything else."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        surroundings: Surroundings,
        addresses: Addresses,
        security: SecurityHeaders,
        cross_origin: CrossOrigin,
        service_description: Callable[[str], bytes],
        new_request_id: Callable[[], str],
        measures: Measures,
        watch: LoopWatch,
    ) -> None:
        self._app = app
        self._surroundings = surroundings
        self._addresses = addresses
        self._security = security
        self._cross_origin = cross_origin
        self._service_description = service_description
        self._new_request_id = new_request_id
        self._measures = measures
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = perf_counter()
        exchange = Exchange(self._new_request_id(), self._surroundings, self._addresses.client(scope))
        scope.setdefault("extensions", {})["ci.exchange"] = exchange
        current.set(exchange)
        self._watch.begins(exchange)
        status, streams = _NO_ANSWER, False
        body = UnreadBody(scope, receive)

        async def enveloped(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._headers(scope, exchange, message, body)}
                self._measures.answered(exchange.operation_id, scope["method"], status, perf_counter() - started)
                if any(name == b"content-type" and value.startswith(STREAM) for name, value in message["headers"]):
                    streams = True
                    self._measures.stream_began(exchange.operation_id)
            await send(message)

        try:
            await self._app(scope, body.receive, enveloped)
        finally:
            self._log(scope, exchange, status, perf_counter() - started)
            if streams:
                self._measures.stream_ended(exchange.operation_id)
            if status == _TOO_MANY and exchange.bucket is not None:
                self._measures.refused(exchange.bucket)
            if status == _NO_ANSWER:
                self._measures.answered(exchange.operation_id, scope["method"], status, perf_counter() - started)

    def _headers(self, scope: Scope, exchange: Exchange, message: Message, body: UnreadBody) -> list[tuple[bytes, bytes]]:
        headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        headers += body.missing_from(headers)
        headers += self._security.missing_from(name for name, _ in headers)
        headers.append((HEADER, exchange.request_id.encode("ascii")))
        headers += exchange.rate_headers
        headers += self._cross_origin.headers(scope)
        headers.append((b"link", self._service_description(scope["path"])))
        return headers

    def _log(self, scope: Scope, exchange: Exchange, status: int, seconds: float) -> None:
        Entry(
            method=scope["method"] if scope["method"].isalpha() else "-",
            route=exchange.template,
            operation=exchange.operation_id,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            request_id=exchange.request_id,
            user_id=exchange.caller.user_id if exchange.caller else None,
            address=exchange.address,
            client_request_id=client_request_id(scope),
            subject=exchange.subject,
        ).write()
