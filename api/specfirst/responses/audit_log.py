"""Where audit lines are written: among the other logs, or into a private file."""
from __future__ import annotations

import io
import logging
import os
from logging.handlers import WatchedFileHandler
from pathlib import Path

from api.specfirst.responses.audit import LOGGER

MODE = 0o600


class AuditPassthroughFormatter(logging.Formatter):
    """Passes audit lines, which are JSON already, through; another formatter renders the rest."""

    def __init__(self, others: logging.Formatter) -> None:
        super().__init__()
        self._others = others

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        return record.getMessage() if record.name == LOGGER else self._others.format(record)


class _PrivateFile(WatchedFileHandler):
    """Appends to a file that is made for its owner alone; one that was moved away, as log rotation does, is made anew."""

    def _open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(io.FileIO(self.baseFilename, "a", opener=_open_private), "utf-8", write_through=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, MODE)


def is_not_audit(record: logging.LogRecord) -> bool:
    """Whether a record belongs among the other lines."""
    return record.name != LOGGER


def open_audit_log(path: Path) -> logging.Handler:
    """Have the audit log's lines appended to a file, in this process's one handler for that. Raises OSError."""
    handler = _PrivateFile(path)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger(LOGGER)
    close_audit_log()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return handler


def close_audit_log() -> None:
    """Close the file, if there is one."""
    log = logging.getLogger(LOGGER)
    for handler in [each for each in log.handlers if isinstance(each, _PrivateFile)]:
        log.removeHandler(handler)
        handler.close()
