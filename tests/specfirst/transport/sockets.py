"""A server behind a real socket in the hands of a test, and clients that send bytes as no client library would."""
from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from api.specfirst.transport.http_protocol import BoundedHttp

TIMEOUT = 60


@contextmanager
def listening(app: ASGIApp, http: type[BoundedHttp] = BoundedHttp) -> Iterator[int]:
    """Serve an application as `ci-api serve` does; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(
            app, lifespan="on", http=http, ws="none", log_config=None, access_log=False, proxy_headers=False, server_header=False,
            timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def connected(port: int) -> socket.socket:
    """A connection."""
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def read(connection: socket.socket) -> bytes:
    """All that comes until the server closes; a connection that it tears has sent what it has sent."""
    found = b""
    try:
        while piece := connection.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def said(port: int, *pieces: bytes) -> bytes:
    """Send the pieces, and take all that comes."""
    with connected(port) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except ConnectionError:
            pass
        return read(connection)


def status(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(b" ", 2)[1])
