"""The event stream of a job's log: events as `ci_server.md` has them, and positions at which it can be resumed."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass

from api.domain.errors import Invalid
from api.domain.jobs.job import Job, JobStatus, end_message

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


def is_yes(word: str) -> bool:
    """Whether a word of a query means yes, of those that the document lets through; as the description's server reads them."""
    return word.lower() in ("true", "t", "yes", "y", "on", "1")


def log_event(text: str, place: StreamPlace | None) -> bytes:
    """A piece of the log, with the place behind it; without one a client that comes back goes on where it was."""
    return _event({"type": "log", "data": text}, place)


def opening(place: StreamPlace | None) -> bytes:
    """The first bytes of a stream; with a place, a client that loses the connection before the first event comes back to there."""
    return RETRY if place is None else RETRY.removesuffix(b"\n") + f"id: {place.event_id()}\n\n".encode()


def job_id_event(job_id: str) -> bytes:
    """The first event of a stream that tells its job."""
    return _event({"type": "job_id", "job_id": job_id}, None)


def complete_event(success: bool, place: StreamPlace | None = None) -> bytes:
    """The last event, once."""
    return _event({"type": "complete", "success": success}, place)


def attempt_event(attempt: int, *, in_line: bool) -> bytes:
    """What stands between the logs of two attempts; `in_line` where the one before has no line end at its end."""
    words = f"This is attempt {attempt} of the job; the one before was lost.\n"
    return log_event(_on_a_line(words, in_line), StreamPlace(attempt, 0))


def _event(content: dict[str, object], place: StreamPlace | None) -> bytes:
    head = f"id: {place.event_id()}\n" if place is not None else ""
    return f"{head}data: {json.dumps(content)}\n\n".encode()


@dataclass(frozen=True, slots=True)
class End:
    """What follows the whole log of a job that is over: how it ended, as a line, and the last event.

    Both have places of their own behind the newest attempt's log, so that a client that comes back misses neither and gets
    neither twice. `size` is that log's; `in_line` says that it has no line end at its end.
    """

    job: Job
    size: int
    in_line: bool

    @property
    def place(self) -> StreamPlace:
        """The place behind all."""
        return StreamPlace(_last_attempt(self.job), self._said + 1)

    def events_after(self, place: StreamPlace) -> list[bytes]:
        """What is still to be sent to a reader who is at this place, at the end of the log or behind it; the last event always."""
        said = StreamPlace(_last_attempt(self.job), self._said)
        closing = [log_event(self._line, said)] if place <= StreamPlace(said.attempt, self.size) and self._line else []
        return [*closing, complete_event(bool(self.job.success), self.place)]

    @property
    def late_events(self) -> list[bytes]:
        """What a reader gets who wanted only what is new."""
        return [log_event(JOINED_LATE, None), complete_event(bool(self.job.success), self.place)]

    @property
    def _line(self) -> str:
        reason = self.job.reason
        return "" if reason is None else _on_a_line(end_message(reason, self.job.exit_code) + "\n", self.in_line)

    @property
    def _said(self) -> int:
        return self.size + len(self._line.encode())


def _last_attempt(job: Job) -> int:
    # A job that was never begun has places too.
    return max(1, job.attempt)


def _on_a_line(words: str, in_line: bool) -> str:
    return f"\n{words}" if in_line else words


def may_grow(job: Job, attempt: int) -> bool:
    """Whether this attempt's log may still get longer, as far as the job's row tells."""
    return attempt > job.attempt and not job.status.is_finished or attempt == job.attempt and job.status is JobStatus.RUNNING


def after_attempt(job: Job, attempt: int) -> StreamPlace | None:
    """Where the stream goes on behind the whole log of an attempt; None where nothing follows yet, or at all."""
    return StreamPlace(attempt + 1, 0) if job.attempt > attempt else None


def newer(one: Job, other: Job) -> Job:
    """The later of two looks at the same job."""
    return max(one, other, key=lambda job: (job.status.is_finished, job.fence, job.attempt))


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of an attempt's log as it is sent, with where it begins and ends there."""

    start: int
    end: int
    event: bytes


def frames_of(raw: bytes, place: StreamPlace, *, final: bool) -> list[Frame]:
    """The bytes of a log that begin at a place, as events; half a character at the end is left, unless nothing follows."""
    frames: list[Frame] = []
    start = place.offset
    while raw:
        text, taken = cut_chunk(raw, final=final)
        if not taken:
            break
        frames.append(Frame(start, start + taken, log_event(text, StreamPlace(place.attempt, start + taken))))
        start, raw = start + taken, raw[taken:]
    return frames


def cut_chunk(raw: bytes, *, final: bool) -> tuple[str, int]:
    """Text of the beginning of new bytes, at most 64 KiB, and how many bytes it took; bytes that are not UTF-8 are replaced.

    It ends with a line where one ends within reach. A character that is not whole yet is left, unless nothing follows.
    """
    piece = raw[:LONGEST_CHUNK]
    line_end = piece.rfind(b"\n") + 1
    if line_end:
        piece = piece[:line_end]
    elif not (final and len(raw) == len(piece)):
        piece = piece[:whole_characters(piece)]
    return piece.decode("utf-8", "replace"), len(piece)


def whole_characters(piece: bytes) -> int:
    """The length without a character at the end of which the rest may still come."""
    for back in range(1, min(4, len(piece) + 1)):
        byte = piece[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(piece) - back if back < needed else len(piece)
    return len(piece)
