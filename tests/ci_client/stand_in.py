"""A small server in the job service's place, which says what a test tells it, and breaks off where the test wants it."""
from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

JOB_ID = "550e8400-e29b-41d4-a716-446655440000"
TIMEOUT = 60.0


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Respond = Callable[[Asked], Iterable[bytes]]


class Cut(Exception):
    """The connection is reset here, instead of closed."""


@dataclass
class StandIn:
    """Where it listens, and what it was asked so far."""

    url: str
    closing: threading.Event = field(default_factory=threading.Event)
    asked: list[Asked] = field(default_factory=list)


def answer(status: int, content: object = None, **headers: str) -> list[bytes]:
    """A JSON answer, or an empty one."""
    return raw_answer(status, b"" if content is None else json.dumps(content).encode(), "application/json", **headers)


def raw_answer(status: int, body: bytes, kind: str, **headers: str) -> list[bytes]:
    """An answer of any kind."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    sizes = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{sizes}Connection: close\r\n{more}\r\n"
    return [head.encode() + (b"" if status == HTTPStatus.NO_CONTENT else body)]


def refusal(status: int, code: str, message: str, details: Mapping[str, Any] | None = None, **headers: str) -> list[bytes]:
    """A refusal in the form of the CI API."""
    return answer(status, {"code": code, "message": message, "details": dict(details or {})}, **headers)


def stream(pieces: Iterable[bytes], *, chunked: bool = False) -> Iterator[bytes]:
    """An event stream of these pieces."""
    coding = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n" + coding + b"\r\n"
    for piece in pieces:
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    if chunked:
        yield b"0\r\n\r\n"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast(_Server, self.server)
        with suppress(OSError):
            self.connection.settimeout(TIMEOUT)
            asked = self._read_head()
            length = int(asked.headers.get("content-length", "0"))
            if not server.answers_early:
                asked = Asked(asked.method, asked.path, asked.query, asked.headers, self.rfile.read(length))
            server.stand_in.asked.append(asked)
            self._respond(server.respond, asked)
            self.connection.shutdown(socket.SHUT_WR)
            # What is not read when the socket is closed would reset the connection, and take the answer with it.
            while self.connection.recv(1 << 16):
                pass

    def _read_head(self) -> Asked:
        method, target, _ = self.rfile.readline().decode().split()
        headers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        parts = urlsplit(target)
        return Asked(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, b"")

    def _respond(self, respond: Respond, asked: Asked) -> None:
        try:
            for piece in respond(asked):
                self.connection.sendall(piece)
        except Cut:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            raise ConnectionResetError from None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    answers_early = False
    respond: Respond
    stand_in: StandIn

    def shutdown_request(self, request: Any) -> None:
        """Close the socket, which a test may have done before."""
        with suppress(OSError):
            self.close_request(request)


@contextmanager
def stand_in(respond: Respond, *, answers_early: bool = False) -> Iterator[StandIn]:
    """The server for as long as the context lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.respond, server.answers_early = respond, answers_early
        server.stand_in = StandIn(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.stand_in
        finally:
            server.stand_in.closing.set()
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
