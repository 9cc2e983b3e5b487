"""Sessions: their value, what is kept of it, how long they last."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.domain.auth.session import LIFE, begin_session, session_digest

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_session_is_kept_by_a_digest_of_its_value() -> None:
    begun = begin_session(b"\xff" * 32, NOW)

    assert begun.digest == session_digest(begun.value) and begun.value not in begun.digest
    assert len(begun.value) == 43


def test_a_session_lasts_its_time_and_no_longer_than_its_token() -> None:
    long, short = begin_session(b"a" * 32, NOW, until=NOW + LIFE * 2), begin_session(b"a" * 32, NOW, until=NOW + timedelta(hours=1))

    assert long.expires_at == begin_session(b"a" * 32, NOW).expires_at == NOW + LIFE
    assert short.expires_at == NOW + timedelta(hours=1)
