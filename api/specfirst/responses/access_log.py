"""The access log: one line per request, with the route's template; a path may hold a worker's token."""
from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from api.log_context import log_subject
from api.log_format import configure_process_logging, make_formatter
from api.specfirst.request_context import current
from api.specfirst.responses.audit_log import AuditPassthroughFormatter, is_not_audit, open_audit_log

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
    """Set a server's logging up, `text` or `json`; the access log of what serves it, which writes paths, is silenced.

    The audit log goes to a file of its own where one is given, else between the other lines. Raises OSError where that file
    cannot be opened.
    """
    if audit_log is not None:
        open_audit_log(audit_log)
    handler = configure_process_logging(log_format, stream, formatter=AuditPassthroughFormatter(make_formatter(log_format, _log_context)))
    if audit_log is not None:
        handler.addFilter(is_not_audit)
    handler.addFilter(_strip_outage_tracebacks)
    # Connexion warns of each refused request, and limits of nothing that we do not say ourselves.
    logging.getLogger("connexion").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.access", "gunicorn.access", "granian.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).disabled = True


def _log_context() -> Mapping[str, Any]:
    """What is known so far of the request that is being answered, if one is, and what the thread works on."""
    context = current.get(None)
    if context is None:
        return log_subject()
    known = {
        "request_id": context.request_id, "operation": context.operation_id,
        "user_id": context.caller.user_id if context.caller else None, **context.subject}
    return {**{name: value for name, value in known.items() if value is not None}, **log_subject()}


def _strip_outage_tracebacks(record: logging.LogRecord) -> bool:
    """A filter that removes the traceback of lost database connections, of which an outage has many."""
    if record.name.startswith("sqlalchemy.pool") and record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info = None
    return True
