"""Parses a job's server-sent events from chunks of any size.

Not httpx-sse: it bounds no line, drops the comments that show a silent server to be alive, and gives an event without an id the last one's.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
MAX_LINE_LENGTH = 8 << 20


class MalformedStream(Exception):
    """The response is no event stream of a job service."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The text between two blank lines: usually one event, and the position after it in the log."""

    events: tuple[Event, ...] = ()
    place: str | None = None
    retry: float | None = None
    has_comment: bool = False


class FrameReader:
    """Assembles frames from chunks; an incomplete frame is dropped, since the server sends it again."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._lines: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Add a chunk; return the frames that are complete now. Raises MalformedStream."""
        *lines, pause_for = (self._begun + piece).split(b"\n")
        self._begun = pause_for
        if len(pause_for) > MAX_LINE_LENGTH:
            raise MalformedStream("a line without an end")
        for line in lines:
            bare = bytes(line).removesuffix(b"\r")
            if bare:
                self._lines.append(bare)
            elif self._lines:
                frame, self._lines = read_frame(self._lines), []
                yield frame


def read_frame(lines: list[bytes]) -> Frame:
    """Parse the lines of a frame. Each `data:` line is an event of its own; unknown lines are skipped."""
    events: list[Event] = []
    place = retry = None
    for line in lines:
        if line.startswith(b"data: "):
            events.append(_read_event(line[6:]))
        elif line.startswith(b"id:"):
            place = line[3:].strip().decode("ascii", "replace")
        elif line.startswith(b"retry:") and line[6:].strip().isdigit():
            retry = int(line[6:].strip()[:9]) / 1000
    return Frame(tuple(events), place, retry, any(line.startswith(b":") for line in lines))


def _read_event(text: bytes) -> Event:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise MalformedStream("an event that is not JSON") from wrong
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise MalformedStream("an event without a type")
    return event
