"""Captures the output of a program on disk, within a bound: its beginning and its end."""
from __future__ import annotations

import threading
from pathlib import Path

from api.host.full_disk import is_full


class BoundedLog:
    """Writes the first three quarters of `limit` bytes and the last quarter to a file, with a line that says how much is missing between.

    The end of a long output explains a crash, so it is always kept. Memory use is bounded by the quarter.
    A full disk never blocks the program: output that it does not take is dropped, and `is_incomplete` is set.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._file = path.open("wb", buffering=0)
        self.is_incomplete = False
        self._room = limit * 3 // 4
        self._longest_tail = limit - self._room
        self._tail = bytearray()
        self._skipped = 0
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        """Append output; after `close` it is dropped."""
        with self._lock:
            if not self._file.closed:
                self._append(chunk)

    def _append(self, chunk: bytes) -> None:
        head, rest = chunk[:self._room], chunk[self._room:]
        if head:
            self._write_out(head)
            self._room -= len(head)
        if rest:
            self._tail += rest
            surplus = len(self._tail) - self._longest_tail
            if surplus > 0:
                self._skipped += surplus
                del self._tail[:surplus]

    def close(self) -> None:
        """Write the kept end, after a line that says how much is missing; idempotent."""
        with self._lock:
            if self._file.closed:
                return
            if self._skipped:
                self._write_out(f"\n[… {self._skipped} bytes left out …]\n".encode())
            self._write_out(self._tail)
            self._file.close()

    def _write_out(self, content: bytes | bytearray) -> None:
        """Write unbuffered, so that readers see it at once."""
        rest = memoryview(content)
        while rest and not self.is_incomplete:
            try:
                rest = rest[self._file.write(rest):]
            except OSError as fault:
                if not is_full(fault):
                    raise
                self.is_incomplete = True
