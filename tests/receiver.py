"""A receiver of webhooks in the hands of a test: it keeps what it got and answers as it is told."""
from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = b"x" * 65536


@dataclass(frozen=True)
class Received:
    """A request as it came, header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers with the statuses of `answers`, then with 204; `silent` keeps every request waiting, `trickling` never ends the answer's
    head, `endless` never its body. What it waits for ends with it."""

    port: int = 0
    scheme: str = "http"
    answers: list[int] = field(default_factory=list)
    location: str = ""
    silent: bool = False
    trickling: bool = False
    endless: bool = False
    received: list[Received] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens, as an address."""
        return f"{self.scheme}://127.0.0.1:{self.port}/told?run=1"


class Handler(BaseHTTPRequestHandler):
    """Answers for a receiver."""

    receiver: Receiver

    def do_POST(self) -> None:
        """Keep the request and answer it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.received.append(Received(self.path, headers, body))
        self.close_connection = True
        with suppress(OSError):
            self._answer()

    def _answer(self) -> None:
        if self.receiver.silent:
            self.receiver.over.wait()
            return
        self.send_response(self.receiver.answers.pop(0) if self.receiver.answers else 204)
        if self.receiver.location:
            self.send_header("Location", self.receiver.location)
        if self.receiver.trickling:
            self._repeat(b"X-More: 1\r\n")
        self.end_headers()
        if self.receiver.endless:
            self._repeat(PIECE)

    def _repeat(self, piece: bytes) -> None:
        self.flush_headers()
        while not self.receiver.over.wait(0.02):
            self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Lets many come at once; beyond the usual five, connections that were made are reset."""

    request_queue_size = 128
    daemon_threads = True


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, **behaviour: Any) -> Iterator[Receiver]:
    """A receiver that listens on a free port of this machine."""
    receiver = Receiver(scheme="https" if tls else "http", **behaviour)
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"receiver": receiver}))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
