"""A run's build log, which its worker writes."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from api.host.full_disk import is_full

MAX_AT_ONCE = 1 << 16


class BuildLog:
    """Appends lines such as `[2026-01-01T00:00:00Z] [INFO] [worker] text` to a file, one per call, whatever the text holds.

    Lines that a full disk does not take are dropped.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self._now = now
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> BuildLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def info(self, text: str) -> None:
        """Log at level INFO."""
        self._line("INFO", text)

    def warning(self, text: str) -> None:
        """Log at level WARNING."""
        self._line("WARNING", text)

    def error(self, text: str) -> None:
        """Log at level ERROR."""
        self._line("ERROR", text)

    def quote(self, source: str, text: str) -> None:
        """Log a line of another program."""
        self._line("INFO", text, source)

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
    """Copies lines from a program's growing output file to a build log."""

    def __init__(self, build_log: BuildLog, path: Path, source: str) -> None:
        self._build_log, self._path, self._source = build_log, path, source
        self._place = 0
        self._rest = b""

    def forward(self, *, to_end: bool = False) -> None:
        """Copy the new lines; `to_end`: all of them, and an unterminated last line."""
        with self._path.open("rb") as content:
            content.seek(self._place)
            while chunk := content.read(MAX_AT_ONCE):
                self._place += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self._quote(lines)
                if not to_end:
                    break
        if to_end and self._rest:
            self._quote([self._rest])
            self._rest = b""

    def _quote(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._build_log.quote(self._source, line.decode(errors="replace"))
