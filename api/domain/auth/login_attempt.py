"""An attempt to log in somewhere else, which the browser keeps until it comes back."""
from __future__ import annotations

import base64
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from api.domain.auth.signing import SigningKey

LIFE = timedelta(minutes=10)
SECRET_BYTES = 64
_PURPOSE = "login attempt"


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """`state` comes back with the reader, `verifier` is shown with the code alone, `wanted` is the page to go on to; `ends` in seconds."""

    state: str
    verifier: str
    wanted: str
    ends: int

    def signed(self, key: SigningKey) -> str:
        """The attempt as text that the browser keeps and cannot change."""
        return key.sign(_PURPOSE, json.dumps(asdict(self)).encode())


def begin_attempt(secret: bytes, wanted: str, now: datetime) -> LoginAttempt:
    """An attempt from 64 random bytes."""
    state, verifier = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (secret[:32], secret[32:]))
    return LoginAttempt(state, verifier, wanted, int((now + LIFE).timestamp()))


def resume_attempt(key: SigningKey, kept: str, state: str, now: datetime) -> LoginAttempt | None:
    """The attempt that the browser kept; None for one that is over, that is not ours, or that another state came back with."""
    content = key.read(_PURPOSE, kept)
    if content is None:
        return None
    attempt = LoginAttempt(**json.loads(content))
    if attempt.ends <= now.timestamp() or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        return None
    return attempt
