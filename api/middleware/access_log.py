"""The access log: one line per request, with the route's template and never its path, which may hold a worker's token."""
from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

log = logging.getLogger("api.access")


@dataclass(frozen=True)
class Entry:
    """A request as the log has it; `route` is null where no document knows the path."""

    method: str
    route: str | None
    status: int
    ms: float
    request_id: str
    user_id: int | None
    address: str
    client_request_id: str | None

    def write(self) -> None:
        """Log the entry."""
        if not log.isEnabledFor(logging.INFO):
            return
        fields = dict(vars(self))
        text = " ".join(f"{name}={'-' if value is None else value}" for name, value in fields.items())
        log.info(text, extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """One JSON object per line, with a record's `fields` at its top level."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        fields = getattr(record, "fields", None)
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(), "logger": record.name,
            **(fields if fields is not None else {"message": record.getMessage()})}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=True, default=str)


def configure_logging(log_format: str, stream: TextIO | None = None) -> None:
    """Set the process's logging up, `text` or `json`; the server's own access log, which writes paths, is silenced."""
    handler = logging.StreamHandler(stream)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Connexion warns of each refused request, and limits of nothing that we do not say ourselves.
    logging.getLogger("connexion").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.access", "gunicorn.access", "granian.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).disabled = True
