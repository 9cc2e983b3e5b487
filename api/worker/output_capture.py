"""Captures the output of a program on disk, within a bound: its beginning and its end."""
from __future__ import annotations

import threading
from pathlib import Path

from api.storage.full_disk import is_full


class BoundedLog:
    """Writes to a file until three quarters of `limit` bytes are used, keeps the rest's last quarter, and says what it left out.

    The end of a long output is what tells of a crash, so it is never what is lost. Memory use is bounded by the quarter.
    What a full disk does not take is left out, so that whoever prints is never held up by it; `is_short` says so.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._file = path.open("wb", buffering=0)
        self.is_short = False
        self._room = limit * 3 // 4
        self._longest_tail = limit - self._room
        self._tail = bytearray()
        self._left_out = 0
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the output; what comes after the close is dropped."""
        with self._lock:
            if not self._file.closed:
                self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        head, rest = chunk[:self._room], chunk[self._room:]
        if head:
            self._put(head)
            self._room -= len(head)
        if rest:
            self._tail += rest
            surplus = len(self._tail) - self._longest_tail
            if surplus > 0:
                self._left_out += surplus
                del self._tail[:surplus]

    def close(self) -> None:
        """Write the kept end, after a line that says how much is missing before it; a second close changes nothing."""
        with self._lock:
            if self._file.closed:
                return
            if self._left_out:
                self._put(f"\n[… {self._left_out} bytes left out …]\n".encode())
            self._put(self._tail)
            self._file.close()

    def _put(self, content: bytes | bytearray) -> None:
        """Write at once, so that what is printed can be read."""
        rest = memoryview(content)
        while rest and not self.is_short:
            try:
                rest = rest[self._file.write(rest):]
            except OSError as fault:
                if not is_full(fault):
                    raise
                self.is_short = True
