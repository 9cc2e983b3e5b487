"""A wire that can be cut: a proxy in front of a server that passes everything on, or takes it and says nothing."""
from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """Connections to a port of this machine; while it is `stalled`, they are taken and never answered.

    `endpoint` is the address to use in the server's place.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.stalled = False
        self.connections = 0

    def serve(self) -> None:
        """Take connections until the wire is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                if not self.stalled:
                    upstream = socket.create_connection(("127.0.0.1", self._target))
                    self._open.append(upstream)
                    for source, target in ((connection, upstream), (upstream, connection)):
                        threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    def cut(self) -> None:
        """Refuse connections from now on, and end those that there are."""
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire to a port, until the context ends."""
    wire = Wire(port)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.cut()
        thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
