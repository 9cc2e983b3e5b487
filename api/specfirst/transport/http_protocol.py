"""uvicorn's HTTP/1.1 protocol with bounds on the head's size and time, on waiting connections, and on HTTP/1.0.

A subclass of uvicorn's protocol, which has no setting for any of these where httptools parses.
"""
from __future__ import annotations

import logging
import resource
import socket
from asyncio import TimerHandle, Transport
from functools import cache
from weakref import WeakKeyDictionary

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.specfirst.responses.error_responses import (
    HttpProblem,
    header_too_large,
    malformed_request,
    problem,
    request_timeout,
    target_too_long,
)
from api.specfirst.responses.request_id import new_request_id
from api.specfirst.transport.small import SmallEvent, SmallFlowControl, SmallQueue

log = logging.getLogger(__name__)

# The parser keeps what it has of an unfinished line, and does not say how much that is: so it is fed by pieces, which are counted.
_PIECE = 16 << 10
# How much of a head or a body, and for how long, is read and thrown away behind an answer, so that a client that is still sending
# gets to read it.
_HEAD_LINGERS, _BODY_LINGERS, _LINGER_SECONDS = 1 << 20, 32 << 20, 2.0
# After how many seconds of silence the kernel asks whether the client is there, how many seconds apart, and how often in vain.
_PROBES = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 5}
# Descriptors that are left for files and databases when all others are connections.
_RESERVE = 256

_waiting: WeakKeyDictionary[ServerState, dict[BoundedHttp, None]] = WeakKeyDictionary()


class HeadRefused(Exception):
    """A request's head is beyond a limit; the parser is stopped by it."""


class BoundedCycle(RequestResponseCycle):
    """A request and its response. If the client is still sending when the connection is to be closed, the protocol lingers first."""

    lingers = False

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        await super().send(message)
        if message["type"] == "http.response.start":
            # All that is asked of it from now on; the head of a stream's request would be kept for as long as that lasts.
            self.scope = {"method": self.scope["method"]}  # type: ignore[typeddict-item]
        if message["type"] == "http.response.start" and self.more_body and not self.keep_alive:
            # By now the client was told; the transport alone would be closed at once, and what was sent could be lost.
            self.keep_alive = self.lingers = True


class CloseDelimitedCycle(BoundedCycle):
    """A request of HTTP/1.0 and its answer, which the end of the connection ends where its length is not known."""

    _length_known = False

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self._length_known = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            self.chunked_encoding = None if self._length_known else False
        elif message["type"] == "http.response.body" and not self._length_known:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


class BoundedHttp(HttpToolsProtocol):
    """One connection. It waits for a head, takes a request with its body, and answers; what is not the answer's has its bounds here."""

    # As attributes of an instance, uvicorn's own would be in a dictionary of 2 KB.
    __slots__ = (
        "access_log", "access_logger", "app", "app_state", "asgi_version", "client", "config", "connections", "cycle",
        "expect_100_continue", "flow", "headers", "limit_concurrency", "logger", "loop", "parser", "pipeline", "root_path", "scheme",
        "scope", "server", "server_state", "tasks", "timeout_keep_alive", "timeout_keep_alive_task", "transport", "url",
        "ws_protocol_class")

    max_bytes = 64 << 10
    max_fields = 100
    max_target = 32 << 10
    max_pipelined = 16
    max_waiting = 1_000
    head_seconds = 30.0

    _head_timer: TimerHandle | None = None
    _refusal: HttpProblem | None = None
    # Nothing that comes is a request any more: the connection only ends.
    _deaf = False
    _in_body = False
    _heard = False
    _head_bytes = 0
    _fields = 0
    # How many bytes came since the parser last told of something that is counted elsewhere, or begun anew.
    _untold = 0
    # How much is still thrown away.
    _lingers = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # As in uvicorn itself.
        """Begin to wait for a request; where too many do, the one that has waited longest makes room."""
        super().connection_made(transport)
        _probe(transport)
        self.flow, self.pipeline = SmallFlowControl(transport), SmallQueue()  # type: ignore[assignment]
        self._wait()
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        self._waiters.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, piece by piece, as long as it stays within the bounds."""
        if self._deaf:
            self._discard(len(data))
            return
        self._unset_keepalive_if_required()
        self._heard = True
        rest = memoryview(data)
        while rest and not self._deaf and not self.transport.is_closing():
            piece, rest = rest[:_PIECE], rest[_PIECE:]
            self._feed(piece)
        if not self._busy and not self._deaf:
            self._start_timer()

    def _should_upgrade(self) -> bool:
        """Whether a request to speak WebSocket is one; nothing here does."""
        return False

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= self.max_pipelined:
            self._stop_parser(malformed_request("Too many requests at once on one connection."))
        self._head_bytes = self._fields = self._untold = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._count(len(url))
        if self._head_bytes > self.max_target:
            self._stop_parser(target_too_long(self.max_target))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; those behind a body are counted too, and let go: nobody asked for them."""
        self._fields += 1
        self._count(len(name) + len(value) + 4)
        if self._fields > self.max_fields:
            self._stop_parser(header_too_large(self.max_bytes, self.max_fields))
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: nothing is waited for any more but the answer."""
        self._stop_timer()
        self._waiters.pop(self, None)
        self._in_body, self._heard, self._untold = True, False, 0
        super().on_headers_complete()
        self.cycle.__class__ = CloseDelimitedCycle if self.scope["http_version"] == "1.0" else BoundedCycle
        self.cycle.message_event = SmallEvent()  # type: ignore[assignment]
        # The request has them; here they would be kept until the next one.
        self.scope, self.headers, self.url = {}, [], b""  # type: ignore[typeddict-item]

    def on_body(self, body: bytes) -> None:
        """A part of the body; how large that may be is the operation's own."""
        self._untold = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there as a whole."""
        self._in_body, self._heard, self._untold = False, False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless there is one, or the connection is to end."""
        if isinstance(self.cycle, BoundedCycle) and self.cycle.lingers:
            self._close_after_response()
        super().on_response_complete()
        if not self._busy and not self.transport.is_closing():
            self._wait()

    @property
    def _busy(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    @property
    def _waiters(self) -> dict[BoundedHttp, None]:
        return _waiting.setdefault(self.server_state, {})

    def _feed(self, piece: memoryview) -> None:
        self._untold += len(piece)
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade:
            # No upgrade is offered. The request is answered as one of HTTP/1.1; what follows it may be of another protocol.
            self._deaf, self.cycle.keep_alive = True, False
        except HttpParserError:
            self._refuse(self._refusal or malformed_request("The request is no HTTP/1.1."))
        else:
            if self._untold > self.max_bytes:
                self._refuse(header_too_large(self.max_bytes, self.max_fields))

    def _count(self, size: int) -> None:
        self._untold = 0
        self._head_bytes += size
        if self._head_bytes > self.max_bytes:
            self._stop_parser(header_too_large(self.max_bytes, self.max_fields))

    def _stop_parser(self, refusal: HttpProblem) -> None:
        self._refusal = refusal
        raise HeadRefused

    def _refuse(self, refusal: HttpProblem) -> None:
        """Send a refusal and close; if a response has begun, abort the connection."""
        self._deaf = True
        self._stop_timer()
        self._waiters.pop(self, None)
        request_id = new_request_id()
        log.info("request %s: %s", request_id, refusal.message)
        if self._busy or self.transport.is_closing():
            self.transport.close()
            return
        refused = problem(refusal, request_id=request_id)
        headers = (
            *self.server_state.default_headers, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(refused.body)),
            (b"x-request-id", request_id.encode()), (b"connection", b"close"))
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[refused.status] + lines + b"\r\n" + refused.body)
        self._linger(_HEAD_LINGERS)

    def _close_after_response(self) -> None:
        """Close after a response, and discard the rest of the request's body."""
        if self.cycle.more_body and not self.transport.is_closing():
            self._deaf = True
            self._stop_timer()
            self.flow.resume_reading()
            self._linger(_BODY_LINGERS)
        else:
            self.transport.close()

    def _linger(self, size: int) -> None:
        self._lingers = size
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._head_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _discard(self, size: int) -> None:
        self._lingers -= size
        if self._lingers < 0:
            self.transport.close()

    def _wait(self) -> None:
        waiters = self._waiters
        waiters.pop(self, None)
        waiters[self] = None
        if len(waiters) > self.max_waiting or len(self.connections) > _most_connections():
            oldest = next(iter(waiters))
            del waiters[oldest]
            oldest.transport.abort()

    def _start_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._time_out)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _time_out(self) -> None:
        """The head timed out. No response is sent where nothing was received, or where the client still sends an old body."""
        self._head_timer = None
        if self._heard and not self._in_body:
            self._refuse(request_timeout(self.head_seconds, "head"))
        else:
            self.transport.close()


def _probe(transport: Transport) -> None:
    """Have the kernel ask whether the client is still there, while nothing is said: else who vanishes without a word is waited for."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _PROBES.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


@cache
def _most_connections() -> int:
    """How many connections this process may have at once."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(allowed - _RESERVE, allowed // 2)
