"""Cursors of logs: what goes in comes out, and nothing else is taken."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.signing import SigningKey
from api.domain.errors import Invalid
from api.domain.text.log import LineFacts, LogSource
from api.domain.text.log_cursor import LogPart, LogPlace, fingerprint, make_cursor, read_cursor
from api.domain.text.log_level import LogLevel

KEY = SigningKey(b"key")
PLACES = st.builds(
    LogPlace, st.integers(0, 2**63), st.booleans(),
    st.builds(
        LineFacts, st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
        st.sampled_from(LogLevel), st.sampled_from(LogSource)),
    st.none() | st.builds(LogPart, st.integers(0, 2**63), st.integers(0, 2**63)), st.booleans())


@given(PLACES, st.binary(max_size=500))
def test_a_cursor_leads_back_to_its_place(place: LogPlace, beginning: bytes) -> None:
    log_fingerprint = fingerprint(beginning, place.offset)
    cursor = make_cursor(place, "run 1", log_fingerprint, KEY)

    assert read_cursor(cursor, "run 1", KEY) == (place, log_fingerprint)
    assert len(cursor) <= 255


@given(PLACES, st.data())
def test_a_changed_cursor_is_refused(place: LogPlace, data: st.DataObject) -> None:
    cursor = make_cursor(place, "run 1", bytes(8), KEY)
    position = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").filter(
        lambda letter: letter != cursor[position]))
    forged = cursor[:position] + other + cursor[position + 1:]

    try:
        # The last letter carries unused bits; a cursor that differs in these alone is the same cursor.
        assert read_cursor(forged, "run 1", KEY) == (place, bytes(8))
    except Invalid as refusal:
        assert set(refusal.details["fields"]) == {"cursor"}


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "A" * 300, "====", "\0"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(cursor, "run 1", KEY)


@pytest.mark.parametrize(("subject", "key"), [("run 2", KEY), ("run 1", SigningKey(b"other"))])
def test_a_cursor_is_good_for_its_own_log_and_server_alone(subject: str, key: SigningKey) -> None:
    cursor = make_cursor(LogPlace(5), "run 1", bytes(8), KEY)

    with pytest.raises(Invalid):
        read_cursor(cursor, subject, key)


def test_a_log_that_grows_keeps_its_fingerprint() -> None:
    assert fingerprint(b"line one\n", 9) == fingerprint(b"line one\nline two\n", 9)
    assert fingerprint(b"line one\n", 9) != fingerprint(b"line ONE\n", 9)
