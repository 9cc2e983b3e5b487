"""The stream of a job's log: events as `ci_server.md` has them, and places in it that can be come back to."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass

from api.domain.refusal import Invalid

EVENT_ID = re.compile(r"([1-9][0-9]{0,5})-([0-9]{1,15})\Z")
LONGEST_CHUNK = 64 * 1024
RETRY = b"retry: 3000\n\n"
PING = b": ping\n\n"
JOINED_LATE = "Job already completed.\n"


@dataclass(frozen=True, slots=True, order=True)
class StreamPlace:
    """How far a reader is: so many bytes of this attempt's log."""

    attempt: int
    offset: int

    def event_id(self) -> str:
        """The place as the id of an event."""
        return f"{self.attempt}-{self.offset}"


def parse_event_id(text: str) -> StreamPlace:
    """Read an event's id. Raises Invalid for anything else."""
    found = EVENT_ID.match(text)
    if found is None:
        raise Invalid({"last_event_id": "Must be the id of an event of this stream."})
    return StreamPlace(int(found[1]), int(found[2]))


def log_event(text: str, place: StreamPlace | None) -> bytes:
    """A piece of the log, with the place behind it; without one a client that comes back goes on where it was."""
    return _event({"type": "log", "data": text}, place)


def job_id_event(job_id: str) -> bytes:
    """The first event of a stream that tells its job."""
    return _event({"type": "job_id", "job_id": job_id}, None)


def complete_event(success: bool) -> bytes:
    """The last event, once."""
    return _event({"type": "complete", "success": success}, None)


def _event(content: dict[str, object], place: StreamPlace | None) -> bytes:
    head = f"id: {place.event_id()}\n" if place is not None else ""
    return f"{head}data: {json.dumps(content)}\n\n".encode()


def cut_chunk(raw: bytes, *, final: bool) -> tuple[str, int]:
    """Text of the beginning of new bytes, at most 64 KiB, and how many bytes it took; bytes that are not UTF-8 are replaced.

    It ends with a line where one ends within reach. A character that is not whole yet is left, unless nothing follows.
    """
    piece = raw[:LONGEST_CHUNK]
    line_end = piece.rfind(b"\n") + 1
    if line_end:
        piece = piece[:line_end]
    elif not (final and len(raw) == len(piece)):
        piece = piece[:_whole_characters(piece)]
    return piece.decode("utf-8", "replace"), len(piece)


def _whole_characters(piece: bytes) -> int:
    """The length without a character at the end of which the rest may still come."""
    for back in range(1, min(4, len(piece) + 1)):
        byte = piece[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(piece) - back if back < needed else len(piece)
    return len(piece)
