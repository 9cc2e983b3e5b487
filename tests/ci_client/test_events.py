"""Server-sent events out of pieces."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_client.events import MAX_LINE_LENGTH, Frame, FrameReader, MalformedStream
from tests.ci_client.wire import PING, RETRY, complete, log

WHOLE = RETRY + PING + log("größe\n", "1-8") + b"nonsense\n\n" + log("b\u2028\n", "1-12") + complete()


def frames_of(*pieces: bytes) -> list[Frame]:
    reader = FrameReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


def test_a_frame_has_its_event_and_its_place() -> None:
    assert frames_of(log("one\n", "1-4")) == [Frame(({"type": "log", "data": "one\n"},), "1-4")]


def test_the_pause_is_in_seconds() -> None:
    assert frames_of(RETRY) == [Frame(retry=3.0)]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(WHOLE)), max_size=20))
def test_pieces_of_any_size_make_the_same_frames(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]

    pieces = [WHOLE[begin:end] for begin, end in zip(places, places[1:], strict=False)]

    assert frames_of(*pieces) == frames_of(WHOLE)


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_nothing_is_told_of_a_frame_that_breaks_off(cut: int) -> None:
    told = frames_of(WHOLE[:cut])

    assert told == frames_of(WHOLE)[:len(told)]
    assert len(told) < len(frames_of(WHOLE))


def test_lines_may_end_as_on_windows() -> None:
    assert frames_of(log("one\n", "1-4").replace(b"\n", b"\r\n")) == frames_of(log("one\n", "1-4"))


def test_what_does_not_begin_with_the_prefix_is_no_event() -> None:
    assert frames_of(b'data:{"type": "log"}\nevent: x\n: data: y\nretry: soon\n\n') == [Frame(has_comment=True)]


def test_events_of_a_kind_that_nobody_knows_are_passed_on() -> None:
    assert frames_of(b'data: {"type": "new", "x": 1}\n\n')[0].events == ({"type": "new", "x": 1},)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'"log"', b"{}", b'{"type": 1}', b"\xff", b"[" * 100_000])
def test_an_event_that_is_none_is_no_event(text: bytes) -> None:
    with pytest.raises(MalformedStream):
        frames_of(b"data: " + text + b"\n\n")


def test_a_line_without_an_end_is_not_kept_forever() -> None:
    with pytest.raises(MalformedStream):
        frames_of(*[b"x" * (1 << 20)] * (MAX_LINE_LENGTH // (1 << 20) + 1))
