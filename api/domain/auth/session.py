"""Sessions of the pages' readers."""
from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

LIFE = timedelta(days=7)
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session as it begins: `value` is the cookie's and is told once, `digest` is kept. Times are UTC."""

    value: str
    digest: str
    expires_at: datetime


def begin_session(secret: bytes, now: datetime, *, until: datetime | None = None) -> NewSession:
    """A session from 32 random bytes. It ends with the token that began it, at `until`, if that is earlier than a session's life."""
    value = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    ends = now + LIFE
    return NewSession(value, session_digest(value), ends if until is None else min(ends, until))


def session_digest(value: str) -> str:
    """SHA-256 (hex) of a session's value; 256 random bits need no slow hash."""
    return hashlib.sha256(b"ci-session:" + value.encode()).hexdigest()
