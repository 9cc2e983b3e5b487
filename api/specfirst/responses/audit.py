"""The audit log: who did what to accounts, tokens, runs, baselines and switches, one JSON object per line."""
from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.domain.auth.login_pause import account_key
from api.domain.errors import Refusal
from api.specfirst.request_context import current

LOGGER = "api.audit"
# What comes from outside is an address that a proxy names; everything else is of ours.
MAX_TEXT_LENGTH = 200

log = logging.getLogger(LOGGER)


class AuditEvent(StrEnum):
    """What is recorded."""

    LOGIN = "login"
    TOKEN_ISSUED = "token_issued"
    TOKEN_REVOKED = "token_revoked"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    PASSWORD_CHANGED = "password_changed"
    ROLE_CHANGED = "role_changed"
    GITHUB_LINKED = "github_linked"
    BASELINE_APPROVED = "baseline_approved"
    BASELINE_REJECTED = "baseline_rejected"
    BASELINE_REVERTED = "baseline_reverted"
    RUN_TRIGGERED = "run_triggered"
    RUN_RETRIED = "run_retried"
    RUN_CANCELED = "run_canceled"
    MAINTENANCE_CHANGED = "maintenance_changed"
    USER_BLOCKED = "user_blocked"
    USER_UNBLOCKED = "user_unblocked"
    EXTENSION_FORBIDDEN = "extension_forbidden"
    EXTENSION_ALLOWED = "extension_allowed"


@dataclass
class AuditRecord:
    """What is about to be recorded; whoever does it fills in what is known only then."""

    event: AuditEvent
    subject: str | None = None
    # Each is recorded in a line of its own.
    more_subjects: Sequence[str] = ()
    actor_id: int | None = None
    detail: str | None = None
    # A login is nobody's doing yet, whatever token came with it.
    by_caller: bool = True


def user(user_id: int) -> str:
    """An account as the subject of an event."""
    return f"user:{user_id}"


def machine(name: str) -> str:
    """A machine as the subject of an event."""
    return f"machine:{name}"


def unknown_user(email: str) -> str:
    """What somebody took for an account, told apart but not readable: it may be a password in the wrong field."""
    return f"email-digest:{account_key(email)}"


@contextmanager
def audited(
    event: AuditEvent, subject: str | None = None, *more_subjects: str, at: datetime | None = None,
) -> Iterator[AuditRecord]:
    """Record an event once it has happened, or has failed, by the caller of the request; `at` is for where there is none."""
    deed = AuditRecord(event, subject, more_subjects)
    reason: str | None = "internal_error"
    try:
        yield deed
        reason = None
    except Refusal as refused:
        reason = refused.code
        raise
    finally:
        for each in (deed.subject, *deed.more_subjects):
            _write(deed, each, at, reason)


def _write(deed: AuditRecord, subject: str | None, at: datetime | None, reason: str | None) -> None:
    context = current.get(None)
    caller = context.caller if context and deed.by_caller else None
    when = at if at is not None else context.app_context.clock() if context else None
    entry = {
        "time": None if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "logger": LOGGER,
        "event": deed.event.value, "outcome": "success" if reason is None else "failure", "source": "api" if context else "command",
        "actor_id": caller.user_id if caller else deed.actor_id, "token_id": caller.token_id if caller else None,
        "subject": subject, "address": context.address if context else None,
        "request_id": context.request_id if context else None, "reason": reason, "detail": deed.detail}
    shown = {name: value[:MAX_TEXT_LENGTH] if isinstance(value, str) else value for name, value in entry.items()}
    log.info("%s", json.dumps(shown, ensure_ascii=True))
