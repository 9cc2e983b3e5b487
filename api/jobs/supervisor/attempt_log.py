"""The log of an attempt: append-only, unbuffered, bounded. A full disk pauses the job and loses nothing."""
from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from api.host.full_disk import is_full
from api.host.permissions import PRIVATE


class AttemptLog:
    """The log file with a buffer for a full disk. Do not write while it `is_blocked`."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, PRIVATE.open(path, os.O_WRONLY | os.O_APPEND)
        self._buffer = b""
        self._room: int | None = None
        self._is_in_line = False
        self.is_truncated = False

    @property
    def is_blocked(self) -> bool:
        """Whether the disk was full at the last write; `flush` tries again."""
        return bool(self._buffer)

    @property
    def is_over_limit(self) -> bool:
        """Whether the output exceeds the limit."""
        return self._room is not None and self._room < 0

    @property
    def length(self) -> int:
        """Its length in bytes, as far as it is written."""
        return os.fstat(self._file).st_size

    def rewind(self, length: int) -> None:
        """Forget what came after this length, which is printed again."""
        os.ftruncate(self._file, length)
        with self._path.open("rb") as log:
            log.seek(max(0, length - 1))
            self._is_in_line = log.read(1) not in (b"", b"\n")

    def limit(self, size: int) -> None:
        """Allow this many bytes from here on."""
        self._room = size

    def write(self, chunk: bytes) -> None:
        """Append a command's output, up to the limit."""
        if self._room is not None:
            kept, self._room = chunk[:max(0, self._room)], self._room - len(chunk)
            self.is_truncated = self.is_truncated or len(kept) < len(chunk)
            chunk = kept
        self._append(chunk)

    def write_message(self, message: str) -> None:
        """Append a message of our own on a line of its own, regardless of the limit."""
        if message:
            ended = message if message.endswith("\n") else message + "\n"
            self._append((f"\n{ended}" if self._is_in_line else ended).encode())

    def _append(self, chunk: bytes) -> None:
        if chunk:
            self._is_in_line = not chunk.endswith(b"\n")
            self._buffer += chunk
            self.flush()

    def flush(self) -> None:
        """Write the buffer, as far as the disk has room."""
        while self._buffer:
            try:
                written = os.write(self._file, self._buffer)
            except OSError as fault:
                if is_full(fault):
                    return
                raise
            self._buffer = self._buffer[written:]

    def close(self) -> int:
        """Sync the log, and return its length; what is still buffered is dropped."""
        self.is_truncated = self.is_truncated or self.is_blocked
        with suppress(OSError):
            os.fsync(self._file)
        length = self.length
        os.close(self._file)
        return length
