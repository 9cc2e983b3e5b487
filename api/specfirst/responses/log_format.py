"""JSON log lines, with the request, run or job that each is about."""
from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api.log_context import log_subject
from api.specfirst.request_context import current


class JsonFormatter(logging.Formatter):
    """One JSON object per line, with a record's `fields` at its top level."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
            **_of_request(), **log_subject(), **getattr(record, "fields", {})}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return json.dumps(entry, ensure_ascii=True, default=str)


def _of_request() -> Mapping[str, Any]:
    """What is known so far of the request that is being answered; nothing outside of one."""
    context = current.get(None)
    if context is None:
        return {}
    known = {
        "request_id": context.request_id, "operation": context.operation_id,
        "user_id": context.caller.user_id if context.caller else None, **context.subject}
    return {name: value for name, value in known.items() if value is not None}
