"""The log of an attempt: append-only, unbuffered, bounded. A full disk pauses the job and loses nothing."""
from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from api.storage.full_disk import is_full
from api.storage.permissions import PRIVATE


class AttemptLog:
    """The file with what still waits to be written to it. While something waits, no more should be given to it."""

    def __init__(self, path: Path) -> None:
        self._file = PRIVATE.open(path, os.O_WRONLY | os.O_APPEND)
        self._buffer = b""
        self._room: int | None = None
        self._is_in_line = False
        self.is_truncated = False

    @property
    def is_blocked(self) -> bool:
        """Whether the disk was full when something was last written; `flush` tries again."""
        return bool(self._buffer)

    @property
    def is_over_limit(self) -> bool:
        """Whether more came than the limit allows."""
        return self._room is not None and self._room < 0

    def limit(self, size: int) -> None:
        """Allow this many bytes from here on."""
        self._room = size

    def write(self, chunk: bytes) -> None:
        """Take a command's output, as far as the limit allows."""
        if self._room is not None:
            kept, self._room = chunk[:max(0, self._room)], self._room - len(chunk)
            self.is_truncated = self.is_truncated or len(kept) < len(chunk)
            chunk = kept
        self._append(chunk)

    def write_message(self, message: str) -> None:
        """Write words of our own, on a line of their own; no limit is held against them."""
        if message:
            ended = message if message.endswith("\n") else message + "\n"
            self._append((f"\n{ended}" if self._is_in_line else ended).encode())

    def _append(self, chunk: bytes) -> None:
        if chunk:
            self._is_in_line = not chunk.endswith(b"\n")
            self._buffer += chunk
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the disk takes it."""
        while self._buffer:
            try:
                written = os.write(self._file, self._buffer)
            except OSError as fault:
                if is_full(fault):
                    return
                raise
            self._buffer = self._buffer[written:]

    def close(self) -> int:
        """Make the log durable, and return its length; what still waits is left out."""
        self.is_truncated = self.is_truncated or self.is_blocked
        with suppress(OSError):
            os.fsync(self._file)
        length = os.fstat(self._file).st_size
        os.close(self._file)
        return length
