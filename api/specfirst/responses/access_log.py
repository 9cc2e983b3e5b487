"""The access log: one line per request, with the route's template; a path may hold a worker's token."""
from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from api.specfirst.responses.audit_log import AuditPassthroughFormatter, is_not_audit, open_audit_log
from api.specfirst.responses.log_format import JsonFormatter

log = logging.getLogger("api.access")


@dataclass(frozen=True, slots=True)
class AccessLogEntry:
    """A request as the log has it; `route` is null where no document knows the path. `subject` is the run or the job that it names."""

    method: str
    route: str | None
    operation: str | None
    status: int
    request_id: str
    user_id: int | None
    address: str
    client_request_id: str | None
    subject: Mapping[str, int | str]

    def write(self, seconds: float) -> None:
        """Log the entry; it took so many seconds."""
        if not log.isEnabledFor(logging.INFO):
            return
        fields = {
            "method": self.method, "route": self.route, "operation": self.operation, "status": self.status,
            "duration_ms": round(seconds * 1000, 2), "request_id": self.request_id, "user_id": self.user_id, "address": self.address,
            "client_request_id": self.client_request_id, **self.subject}
        text = " ".join(f"{name}={'-' if value is None else value}" for name, value in fields.items())
        log.info(text, extra={"fields": {"message": f"{self.method} {self.route or '-'} {self.status}", **fields}})


def configure_logging(log_format: str, stream: TextIO | None = None, *, audit_log: Path | None = None) -> None:
    """Set the process's logging up, `text` or `json`; the server's own access log, which writes paths, is silenced.

    The audit log goes to a file of its own where one is given, else between the other lines. Raises OSError where that file
    cannot be opened.
    """
    handler = logging.StreamHandler(stream)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(AuditPassthroughFormatter(JsonFormatter() if log_format == "json" else text))
    if audit_log is not None:
        open_audit_log(audit_log)
        handler.addFilter(is_not_audit)
    if log_format == "json":
        _capture_warnings()
    handler.addFilter(_strip_outage_tracebacks)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Connexion warns of each refused request, and limits of nothing that we do not say ourselves.
    logging.getLogger("connexion").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # They log each request with its URL, which may hold a secret: a worker's, or that of a webhook's receiver.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.access", "gunicorn.access", "granian.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).disabled = True


def _strip_outage_tracebacks(record: logging.LogRecord) -> bool:
    """A filter that removes the traceback of lost database connections, of which an outage has many."""
    if record.name.startswith("sqlalchemy.pool") and record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info = None
    return True


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
