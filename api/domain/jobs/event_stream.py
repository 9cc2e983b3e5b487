"""The event stream of a job's log: events as `ci_server.md` has them, and positions at which it can be resumed.

Written here, since the format is three lines and the domain imports the standard library alone.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass

from api.domain.errors import Invalid
from api.domain.jobs.job import Job, JobReason, JobStatus, end_message

EVENT_ID = re.compile(r"([1-9][0-9]{0,5})-([0-9]{1,15})\Z")
MAX_CHUNK_BYTES = 64 * 1024
RETRY = b"retry: 3000\n\n"
PING = b": ping\n\n"
JOINED_LATE = "Job already completed.\n"


@dataclass(frozen=True, slots=True, order=True)
class StreamPlace:
    """The position of a reader: an offset into an attempt's log, in bytes."""

    attempt: int
    offset: int

    def event_id(self) -> str:
        """The position as an event's id."""
        return f"{self.attempt}-{self.offset}"


def parse_event_id(text: str) -> StreamPlace:
    """Read an event's id. Raises Invalid for anything else."""
    found = EVENT_ID.match(text)
    if found is None:
        raise Invalid({"last_event_id": "Must be the id of an event of this stream."})
    return StreamPlace(int(found[1]), int(found[2]))


def is_yes(word: str) -> bool:
    """Whether a boolean query parameter, which is validated already, is true; spelled as `ci_server.md` allows."""
    return word.lower() in ("true", "t", "yes", "y", "on", "1")


def log_event(text: str, place: StreamPlace | None) -> bytes:
    """A part of the log, with the position after it; without one a client resumes at the event before."""
    return _event({"type": "log", "data": text}, place)


def opening(place: StreamPlace | None) -> bytes:
    """The first bytes of a stream; with a position, a client that disconnects before the first event resumes there."""
    return RETRY if place is None else RETRY.removesuffix(b"\n") + f"id: {place.event_id()}\n\n".encode()


def job_id_event(job_id: str) -> bytes:
    """The event that names the stream's job."""
    return _event({"type": "job_id", "job_id": job_id}, None)


def complete_event(success: bool, place: StreamPlace | None = None) -> bytes:
    """The last event of a stream."""
    return _event({"type": "complete", "success": success}, place)


def attempt_event(attempt: int, *, is_mid_line: bool) -> bytes:
    """The event between the logs of two attempts; `is_mid_line`: the first does not end with a line end."""
    words = f"This is attempt {attempt} of the job; the one before was lost.\n"
    return log_event(_on_a_line(words, is_mid_line), StreamPlace(attempt, 0))


def _event(content: dict[str, object], place: StreamPlace | None) -> bytes:
    head = f"id: {place.event_id()}\n" if place is not None else ""
    return f"{head}data: {json.dumps(content)}\n\n".encode()


@dataclass(frozen=True, slots=True)
class End:
    """What follows the log of a finished job: its outcome as a line, and the last event.

    Both have positions after the newest attempt's log, so that a client that resumes gets each once. `size` is that log's;
    `is_mid_line`: it does not end with a line end.
    """

    job: Job
    size: int
    is_mid_line: bool

    @property
    def place(self) -> StreamPlace:
        """The position after everything."""
        return StreamPlace(_last_attempt(self.job), self._said + 1)

    def events_after(self, place: StreamPlace) -> list[bytes]:
        """What is left to send to a reader at this position, at or after the log's end; the last event always."""
        said = StreamPlace(_last_attempt(self.job), self._said)
        closing = [log_event(self._line, said)] if place <= StreamPlace(said.attempt, self.size) and self._line else []
        return [*closing, complete_event(bool(self.job.success), self.place)]

    @property
    def late_events(self) -> list[bytes]:
        """What a reader gets who asked for new text only."""
        return [log_event(JOINED_LATE, None), complete_event(bool(self.job.success), self.place)]

    @property
    def _line(self) -> str:
        reason = self.job.reason
        return "" if reason is None else _on_a_line(self._words(reason) + "\n", self.is_mid_line)

    def _words(self, reason: JobReason) -> str:
        return end_message(reason, self.job.exit_code, is_unproven=self.job.is_unproven)

    @property
    def _said(self) -> int:
        return self.size + len(self._line.encode())


def _last_attempt(job: Job) -> int:
    # A job that never started has positions too.
    return max(1, job.attempt)


def _on_a_line(words: str, is_mid_line: bool) -> str:
    return f"\n{words}" if is_mid_line else words


def may_grow(job: Job, attempt: int) -> bool:
    """Whether this attempt's log may still grow, by the job's row."""
    return attempt > job.attempt and not job.status.is_finished or attempt == job.attempt and job.status is JobStatus.RUNNING


def after_attempt(job: Job, attempt: int) -> StreamPlace | None:
    """Where the stream continues after an attempt's log; None where nothing follows, or not yet."""
    return StreamPlace(attempt + 1, 0) if job.attempt > attempt else None


def newer(one: Job, other: Job) -> Job:
    """The newer of two states of the same job."""
    return max(one, other, key=lambda job: (job.status.is_finished, job.fence, job.attempt))


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of an attempt's log as an encoded event, with its start and end offsets."""

    start: int
    end: int
    event: bytes


def frames_of(raw: bytes, place: StreamPlace, *, final: bool) -> list[Frame]:
    """Bytes of a log as frames; a partial character at the end is left, unless they are `final`."""
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
    """Decode the first chunk, at most 64 KiB, and return it with its size in bytes; invalid UTF-8 is replaced.

    It ends at a line end where there is one. A partial character is left, unless the bytes are `final`.
    """
    piece = raw[:MAX_CHUNK_BYTES]
    line_end = piece.rfind(b"\n") + 1
    if line_end:
        piece = piece[:line_end]
    elif not (final and len(raw) == len(piece)):
        piece = piece[:whole_characters(piece)]
    return piece.decode("utf-8", "replace"), len(piece)


def whole_characters(piece: bytes) -> int:
    """The length without a partial character at the end."""
    for back in range(1, min(4, len(piece) + 1)):
        byte = piece[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(piece) - back if back < needed else len(piece)
    return len(piece)
