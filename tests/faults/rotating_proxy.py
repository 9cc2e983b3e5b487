"""A proxy before several servers, which sends each request to the next one; to another where one does not take it."""
from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

PIECE = 1 << 16
# What belongs to one connection, and not to the other.
OF_A_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding"})


class RotatingProxy(ThreadingHTTPServer):
    """The proxy; `served` counts the requests that each server has answered."""

    daemon_threads = True

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ports, self.served = tuple(ports), dict.fromkeys(ports, 0)
        self._turn, self._lock = count(), threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def in_turn(self) -> list[int]:
        """The servers for a request, the one whose turn it is first."""
        with self._lock:
            first = next(self._turn) % len(self.ports)
        return [*self.ports[first:], *self.ports[:first]]

    def count(self, port: int) -> None:
        """A server has answered."""
        with self._lock:
            self.served[port] += 1


class _Handler(BaseHTTPRequestHandler):
    server: RotatingProxy

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _pass_on(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        for port in self.server.in_turn():
            # One that dies on the way has taken the request, maybe: whoever asked hears nothing, and asks again.
            connection = HTTPConnection("127.0.0.1", port, timeout=120)
            try:
                connection.connect()
            except OSError:
                continue
            with suppress(OSError, HTTPException):
                headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_A_CONNECTION}
                connection.request(self.command, self.path, body, headers)
                self._answer(connection.getresponse())
                self.server.count(port)
            connection.close()
            return
        self.send_error(502)

    def _answer(self, response: HTTPResponse) -> None:
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in OF_A_CONNECTION:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := response.read1(PIECE):
            self.wfile.write(piece)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on


@contextmanager
def rotating_proxy(ports: Sequence[int]) -> Iterator[RotatingProxy]:
    """The proxy, for as long as the context lasts."""
    proxy = RotatingProxy(ports)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
