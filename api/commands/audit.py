"""Opens the audit log for commands, which record the same events as the server."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.config import Settings
from api.installation import audit_log_writable
from api.specfirst.responses.audit_log import close_audit_log, open_audit_log


@contextmanager
def audit_log(settings: Settings) -> Iterator[None]:
    """Record events while the context lasts, if an audit log is configured. Raises ConfigurationError if it cannot be written."""
    if settings.audit_log is None:
        yield
        return
    with audit_log_writable():
        open_audit_log(settings.audit_log)
    try:
        yield
    finally:
        close_audit_log()
