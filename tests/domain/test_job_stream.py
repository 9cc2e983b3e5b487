"""The stream of a job's log: its events, its places, and how bytes become text."""
from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.job_stream import (
    LONGEST_CHUNK,
    PING,
    RETRY,
    StreamPlace,
    complete_event,
    cut_chunk,
    job_id_event,
    log_event,
    parse_event_id,
)
from api.domain.refusal import Invalid

places = st.builds(StreamPlace, st.integers(1, 999_999), st.integers(0, 10**15 - 1))
# Bytes in which whole characters, halves of them, line ends and rubbish are all likely.
logs = st.lists(st.sampled_from(
    [b"a", b"\n", "é".encode(), "€".encode(), "🎬".encode(), b"\xff", b"\x80", b"\xf0\x9f", b"\xed\xa0"])).map(b"".join)


@given(places, places)
def test_places_are_named_apart_and_read_back(one: StreamPlace, other: StreamPlace) -> None:
    assert parse_event_id(one.event_id()) == one
    assert (one.event_id() == other.event_id()) is (one == other)


@given(places, places)
def test_a_later_attempt_is_further_on_whatever_its_log_holds(one: StreamPlace, other: StreamPlace) -> None:
    assert (one < other) is ((one.attempt, one.offset) < (other.attempt, other.offset))


@pytest.mark.parametrize("text", [
    "", "1", "1-", "-1", "0-0", "01-0", "1--1", "1-1\n", " 1-1", "1-1 ", "1-1-1", "١-١", "1-" + "9" * 16, "9999999-0", "a-b", "\ud800"])
def test_what_is_no_events_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_event_id(text)

    assert set(refused.value.details["fields"]) == {"last_event_id"}


@given(st.text(), st.none() | places)
def test_an_event_is_one_frame_that_a_program_reads_back(text: str, place: StreamPlace | None) -> None:
    frame = log_event(text, place)

    head, _, body = frame.decode().rpartition("data: ")
    assert head == ("" if place is None else f"id: {place.event_id()}\n")
    assert json.loads(body) == {"type": "log", "data": text}
    assert frame.endswith(b"\n\n") and frame.count(b"\n\n") == 1 and b"\r" not in frame


@pytest.mark.parametrize(("frame", "expected"), [
    (job_id_event("j1"), b'data: {"type": "job_id", "job_id": "j1"}\n\n'),
    (complete_event(success=True), b'data: {"type": "complete", "success": true}\n\n'),
    (complete_event(success=False), b'data: {"type": "complete", "success": false}\n\n'),
])
def test_the_other_events_are_written_as_the_contract_has_them(frame: bytes, expected: bytes) -> None:
    assert frame == expected


def test_what_is_no_event_carries_no_data() -> None:
    assert re.fullmatch(rb"retry: \d+\n\n", RETRY)
    assert PING.startswith(b":") and PING.endswith(b"\n\n")


@given(st.lists(logs, max_size=8))
def test_a_log_that_arrives_in_pieces_loses_no_byte_and_no_character(pieces: list[bytes]) -> None:
    log = b"".join(pieces)
    told, waiting = "", b""

    for number, piece in enumerate([*pieces, b""]):
        waiting += piece
        final = number == len(pieces)
        while waiting:
            text, taken = cut_chunk(waiting, final=final)
            told, waiting = told + text, waiting[taken:]
            if not taken:
                break

    assert waiting == b""
    assert told == log.decode("utf-8", "replace")


@settings(max_examples=40)
@given(st.integers(0, 8), logs, st.booleans())
def test_a_chunk_has_its_bound_and_never_stands_still(short_of: int, log: bytes, final: bool) -> None:
    raw = b"x" * (LONGEST_CHUNK - short_of) + log

    told, rest = "", raw
    while rest:
        text, taken = cut_chunk(rest, final=final)
        assert taken <= LONGEST_CHUNK
        if not taken:
            break
        told, rest = told + text, rest[taken:]

    assert len(rest) <= (0 if final else 3)
    assert told + rest.decode("utf-8", "replace") == raw.decode("utf-8", "replace")


@pytest.mark.parametrize(("raw", "final", "text", "taken"), [
    (b"", False, "", 0), (b"", True, "", 0),
    (b"one\ntwo", False, "one\n", 4), (b"one\ntwo\nthr", True, "one\ntwo\n", 8),
    (b"no end", False, "no end", 6), ("né".encode()[:-1], False, "n", 1), ("né".encode()[:-1], True, "n\ufffd", 2),
    ("€".encode()[:2], False, "", 0), ("🎬".encode()[:3], False, "", 0), ("🎬".encode(), False, "🎬", 4), ("€".encode(), False, "€", 3),
    (b"\x80\x80\x80\x80", False, "\ufffd" * 4, 4), (b"\xe2\n", False, "\ufffd\n", 2),
])
def test_a_chunk_ends_with_a_line_or_else_with_a_character(raw: bytes, final: bool, text: str, taken: int) -> None:
    assert cut_chunk(raw, final=final) == (text, taken)
