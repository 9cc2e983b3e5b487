"""How a process logs: text or JSON lines on standard error, with the run or job that each is about."""
from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from api.log_context import log_subject

TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object per line, with a record's `fields` at its top level; `context` tells what else is known of it."""

    def __init__(self, context: Callable[[], Mapping[str, Any]] = log_subject) -> None:
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
            **self._context(), **getattr(record, "fields", {})}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return json.dumps(entry, ensure_ascii=True, default=str)


def configure_process_logging(
    log_format: str, stream: TextIO | None = None, *, formatter: logging.Formatter | None = None,
) -> logging.Handler:
    """Set the process's logging up, `text` or `json`, and return its one handler; `formatter` is for lines that have more to tell."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter or make_formatter(log_format))
    if log_format == "json":
        _capture_warnings()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # They log each request with its URL, which may hold a secret: a worker's, or that of a webhook's receiver.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def make_formatter(log_format: str, context: Callable[[], Mapping[str, Any]] = log_subject) -> logging.Formatter:
    """The formatter of lines, `text` or `json`."""
    return JsonFormatter(context) if log_format == "json" else logging.Formatter(TEXT)


def _capture_warnings() -> None:
    """Log warnings and uncaught exceptions, which Python would print to standard error."""
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_of_thread


def _log_uncaught(kind: type[BaseException], raised: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("api").critical("the program broke", exc_info=(kind, raised, traceback))


def _log_uncaught_of_thread(broken: threading.ExceptHookArgs) -> None:
    name = broken.thread.name if broken.thread else "unknown"
    if broken.exc_value is not None and broken.exc_type is not SystemExit:
        logging.getLogger("api").critical("thread %s broke", name, exc_info=(broken.exc_type, broken.exc_value, broken.exc_traceback))
