"""Attempts to log in elsewhere."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.domain.auth.login_attempt import LIFE, begin_attempt, resume_attempt
from api.domain.auth.signing import SigningKey

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = SigningKey(b"a key of the tests")
ATTEMPT = begin_attempt(bytes(range(64)), "/runs/2", NOW)


def test_an_attempt_is_resumed_as_it_was_begun() -> None:
    assert resume_attempt(KEY, ATTEMPT.signed(KEY), ATTEMPT.state, NOW) == ATTEMPT


def test_what_is_sent_along_tells_nothing_of_what_is_kept() -> None:
    assert ATTEMPT.state != ATTEMPT.verifier
    assert len(ATTEMPT.verifier) == 43


@pytest.mark.parametrize(("key", "state", "now"), [
    (KEY, "another", NOW), (KEY, "", NOW), (KEY, ATTEMPT.state, NOW + LIFE + timedelta(seconds=1)),
    (SigningKey(b"another key"), ATTEMPT.state, NOW)])
def test_nothing_else_is_resumed(key: SigningKey, state: str, now: datetime) -> None:
    assert resume_attempt(key, ATTEMPT.signed(KEY), state, now) is None
