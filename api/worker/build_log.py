"""A run's build log, which its worker writes."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from api.storage.full_disk import is_full

MAX_AT_ONCE = 1 << 16


class BuildLog:
    """Appends lines such as `[2026-01-01T00:00:00Z] [INFO] [worker] text` to a file, one each, whatever the text holds.

    Lines that a full disk does not take are left out: what is told of that must not fail for it.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self._now = now
        self._shared_at = now()
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> BuildLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def info(self, text: str) -> None:
        """Say what happens."""
        self._line("INFO", text)

    def warning(self, text: str) -> None:
        """Say what is not as it should be, but keeps nothing from going on."""
        self._line("WARNING", text)

    def error(self, text: str) -> None:
        """Say what failed."""
        self._line("ERROR", text)

    def quote(self, source: str, text: str) -> None:
        """Put down a line that another program has written."""
        self._line("INFO", text, source)

    def is_to_be_shared(self, every: timedelta) -> bool:
        """Whether it is time to send what was written to those who follow it; counts from the last time that it was."""
        now = self._now()
        due = now - self._shared_at >= every
        if due:
            self._shared_at = now
        return due

    def _line(self, level: str, text: str, source: str = "worker") -> None:
        stamp = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        rest = memoryview(f"[{stamp}] [{level}] [{source}] {' '.join(text.splitlines())}\n".encode(errors="backslashreplace"))
        try:
            while rest:
                rest = rest[self._file.write(rest):]
        except OSError as fault:
            if not is_full(fault):
                raise


class LogForwarder:
    """Carries what a program prints into a file over to a journal, line by line, while the file grows."""

    def __init__(self, build_log: BuildLog, path: Path, source: str) -> None:
        self._build_log, self._path, self._source = build_log, path, source
        self._place = 0
        self._rest = b""

    def carry(self, *, whole: bool = False) -> None:
        """Carry the lines that are new; `whole`: to the end, with a last line that has no end of its own."""
        with self._path.open("rb") as content:
            content.seek(self._place)
            while chunk := content.read(MAX_AT_ONCE):
                self._place += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self._quote(lines)
                if not whole:
                    break
        if whole and self._rest:
            self._quote([self._rest])
            self._rest = b""

    def _quote(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._build_log.quote(self._source, line.decode(errors="replace"))
