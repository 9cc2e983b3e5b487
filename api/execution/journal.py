"""A run's build log, written by its worker."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType


class Journal:
    """Appends lines such as `[2026-01-01T00:00:00Z] [INFO] [worker] text` to a file, one each, whatever the text holds."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self._now = now
        self._shared_at = now()
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")

    def __enter__(self) -> Journal:
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

    def is_to_be_shared(self, every: timedelta) -> bool:
        """Whether it is time to send what was written to those who follow it; counts from the last time that it was."""
        now = self._now()
        due = now - self._shared_at >= every
        if due:
            self._shared_at = now
        return due

    def _line(self, level: str, text: str) -> None:
        stamp = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._file.write(f"[{stamp}] [{level}] [worker] {' '.join(text.splitlines())}\n")
        self._file.flush()
