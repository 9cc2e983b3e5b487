"""The shared tail of an attempt's log: the newest frames, and who reads them."""
from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from api.domain.jobs.event_stream import Frame, StreamPlace
from api.domain.jobs.job import Job
from api.storage.jobs.logs import LogQuery, LogState
from api.storage.jobs.places import AttemptPlace

# How many bytes of events are buffered for readers that lag a little.
BUFFER_BYTES = 512 * 1024
FRAME_OVERHEAD = 200
MAX_PARTIAL_CHARACTER = 3


class Reader(Protocol):
    """A reader of a log."""

    place: StreamPlace

    def wake(self) -> None:
        """Notify the reader of new frames."""


class Subject(Protocol):
    """The owner of a log."""

    job: Job


@dataclass(frozen=True, slots=True)
class Gap:
    """A part that a reader must read by itself, since it is before the shared frames; `limit` is where those begin."""

    log: AttemptPlace
    place: StreamPlace
    limit: int


class Tail:
    """The newest frames of an attempt's log, contiguous up to `head`; `final` is the log's size once it is complete."""

    __slots__ = (
        "_buffered_bytes",
        "_frames",
        "attempt",
        "final",
        "grew_at",
        "head",
        "is_mid_line",
        "is_unreadable",
        "log",
        "readers",
        "seen",
        "subject",
    )

    def __init__(self, subject: Subject, attempt: int) -> None:
        self.subject, self.attempt = subject, attempt
        self.log: AttemptPlace | None = None
        self.head: int | None = None
        self.final: int | None = None
        self.is_mid_line = False
        self.is_unreadable = False
        self.grew_at = float("-inf")
        # Most tails have one reader; a set would take more memory.
        self.readers: list[Reader] = []
        self.seen = 0
        self._buffered_bytes = 0
        self._frames: deque[Frame] | None = None

    def next_for(self, place: StreamPlace) -> Frame | Gap | None:
        """The next frame for a reader at this position, or the gap to read first; None where there is nothing new."""
        if self.head is None or self.log is None or place.offset >= self.head:
            return None
        frames = self._frames or ()
        if not frames or place.offset < frames[0].start:
            return Gap(self.log, place, frames[0].start if frames else self.head)
        found = frames[bisect_left(frames, place.offset + 1, key=_end_of)]
        return found if found.start == place.offset else Gap(self.log, place, found.end)

    def query(self, *, closing: bool) -> LogQuery:
        """The query for what the readers need now."""
        start = min((reader.place.offset for reader in self.readers), default=0) if self.head is None else 0
        return LogQuery(
            self.subject.job, self.attempt, self.log, self.head, start,
            read=self.head is not None and self._has_waiting_reader(self.head), closing=closing)

    def update(self, found: LogState) -> bool:
        """Apply a query's result; whether readers must be woken."""
        has_news = self.head is None or bool(found.frames) or (found.closed and self.final is None)
        self.log, self.seen, self.head = found.place, found.size, found.head
        if found.closed and self.final is None:
            self.final, self.is_mid_line = found.size, found.is_mid_line
        if found.frames:
            self._keep(found.frames)
        return has_news

    def has_more(self) -> bool:
        """Whether there is unread text that a reader waits for; a partial character does not count, unless the log is complete."""
        if self.head is None:
            return True
        unread = self.seen - self.head if self.final is None else self.final - self.head
        return unread > (MAX_PARTIAL_CHARACTER if self.final is None else 0) and self._has_waiting_reader(self.head)

    def is_at_end(self, place: StreamPlace) -> bool:
        """Whether a reader at this position has the whole, complete log."""
        return self.head is not None and self.final is not None and max(self.head, place.offset) >= self.final

    def release_frames(self) -> None:
        """Drop the frames once all readers have them."""
        if self._frames and self.head is not None and all(reader.place.offset >= self.head for reader in self.readers):
            self._frames, self._buffered_bytes = None, 0

    def _has_waiting_reader(self, head: int) -> bool:
        return any(reader.place.offset >= head for reader in self.readers)

    def _keep(self, frames: Sequence[Frame]) -> None:
        if self._frames is None:
            self._frames = deque()
        for frame in frames:
            self._frames.append(frame)
            self._buffered_bytes += len(frame.event) + FRAME_OVERHEAD
        while self._buffered_bytes > BUFFER_BYTES and len(self._frames) > len(frames):
            self._buffered_bytes -= len(self._frames.popleft().event) + FRAME_OVERHEAD


def _end_of(frame: Frame) -> int:
    return frame.end
