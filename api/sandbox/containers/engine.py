"""A client of the Docker API, which Podman serves too, over a Unix socket.

By the standard library alone, not httpx or Docker's package: each container has a guard process, which would load them for one request.
"""
from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

TIMEOUT = 60.0
# An engine unpacks and packs a whole image before it says more.
IMPORT_TIMEOUT = 900.0
CHUNK = 1 << 16
MAX_ANSWER_BYTES = 16 << 20


class EngineError(Exception):
    """The engine refused, or does not answer; `status` is its HTTP status, 0 where there was none."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that listens on a socket. Each request has a connection of its own."""

    socket_path: str

    def get(self, path: str) -> Any:
        """Ask for something. Raises EngineError."""
        return self._ask("GET", path)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = TIMEOUT) -> Any:
        """Tell it to do something."""
        return self._ask("POST", path, b"" if body is None else json.dumps(body).encode(), timeout=timeout)

    def remove_container(self, name: str) -> None:
        """Kill a container and remove it; one that is gone is fine."""
        with suppress(EngineError):
            self._ask("DELETE", f"/containers/{quote(name)}?force=true&v=true")

    def import_image(self, archive: Path, name: str) -> None:
        """Make an image of a tar file that holds a whole root folder. Raises EngineError."""
        # Podman hears of a tag only as a part of the repository's name, where Docker takes it too.
        path = f"/images/create?fromSrc=-&repo={quote(name, safe='')}"
        headers = {"Content-Type": "application/x-tar", "Content-Length": str(archive.stat().st_size)}
        with archive.open("rb") as content, self._failing_as_one():
            with self._connected("POST", path, headers, timeout=IMPORT_TIMEOUT) as connection:
                with suppress(BrokenPipeError):
                    connection.sendfile(content)
                body = _body(connection)
        # What goes wrong after the answer's beginning is told in one of its lines.
        for line in body.splitlines():
            with suppress(ValueError, AttributeError):
                if fault := json.loads(line).get("error"):
                    raise EngineError(0, str(fault))

    def _ask(self, method: str, path: str, body: bytes = b"", *, timeout: float | None = TIMEOUT) -> Any:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        with self._failing_as_one(), self._connected(method, path, headers, timeout=timeout) as connection:
            # An engine that refuses may answer before it has read everything.
            with suppress(BrokenPipeError):
                connection.sendall(body)
            answer = _body(connection)
        with suppress(ValueError):
            return json.loads(answer)
        return None

    @contextmanager
    def _failing_as_one(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as fault:
            raise EngineError(0, f"this account may not use the engine at {self.socket_path}") from fault
        except OSError as fault:
            raise EngineError(0, f"the engine at {self.socket_path} does not answer: {fault}") from fault

    def _connected(self, method: str, path: str, headers: Mapping[str, str], *, timeout: float | None = TIMEOUT) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(self.socket_path)
            # In this version of HTTP an answer ends with its connection, and never comes in chunks.
            lines = [f"{method} {path} HTTP/1.0", "Host: engine", *(f"{name}: {value}" for name, value in headers.items())]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
        except OSError:
            connection.close()
            raise
        return connection


def _body(connection: socket.socket) -> bytes:
    """An answer's body. Raises EngineError where it is a refusal, OSError where none comes."""
    content = bytearray()
    while chunk := connection.recv(CHUNK):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise EngineError(0, "the engine's answer has no end")
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():
        raise EngineError(0, "the engine's answer is no HTTP")
    status = int(words[1])
    if status >= 400:
        raise EngineError(status, _message(body))
    return body


def _message(body: bytes) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["message"])
    return os.fsdecode(body[:200])
