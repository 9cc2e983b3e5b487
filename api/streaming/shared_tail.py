"""The shared tail of an attempt's log: the newest frames, and who reads them."""
from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from api.domain.jobs.event_stream import Frame, StreamPlace
from api.domain.jobs.job import Job
from api.storage.jobs.files import AttemptFiles
from api.storage.jobs.logs import Glance, Question

# The bytes of events that are kept for readers who are a little behind.
KEPT = 512 * 1024
FRAME_COST = 200
LONGEST_HALF = 3


class Reader(Protocol):
    """Somebody who reads a log."""

    place: StreamPlace

    def wake(self) -> None:
        """Say that there may be something new."""


class Subject(Protocol):
    """What a log is the log of."""

    job: Job


@dataclass(frozen=True, slots=True)
class Gap:
    """What a reader has to read alone, before the shared frames: from a place to where one of them begins or ends."""

    files: AttemptFiles
    place: StreamPlace
    limit: int


class Tail:
    """The newest frames of an attempt's log, which follow one another up to `head`; `final` is the log's size once it is known for good."""

    __slots__ = (
        "_frames", "_weight", "attempt", "closing_since", "files", "final", "grew_at", "head", "in_line", "is_unreadable", "path",
        "readers", "seen", "subject")

    def __init__(self, subject: Subject, attempt: int) -> None:
        self.subject, self.attempt = subject, attempt
        self.files: AttemptFiles | None = None
        self.path = ""
        self.head: int | None = None
        self.final: int | None = None
        self.in_line = False
        self.is_unreadable = False
        self.closing_since: float | None = None
        self.grew_at = float("-inf")
        # Most are watched by one reader, for whom a set would be large.
        self.readers: list[Reader] = []
        self.seen = 0
        self._weight = 0
        self._frames: deque[Frame] | None = None

    def next_for(self, place: StreamPlace) -> Frame | Gap | None:
        """The next frame for a reader at this place of the log, or what to read alone; None where there is nothing new yet."""
        if self.head is None or self.files is None or place.offset >= self.head:
            return None
        frames = self._frames or ()
        if not frames or place.offset < frames[0].start:
            return Gap(self.files, place, frames[0].start if frames else self.head)
        found = frames[bisect_left(frames, place.offset + 1, key=_end_of)]
        return found if found.start == place.offset else Gap(self.files, place, found.end)

    def question(self, *, closing: bool, overdue: bool) -> Question:
        """What is to be found out about the log now."""
        start = min((reader.place.offset for reader in self.readers), default=0) if self.head is None else 0
        return Question(
            self.subject.job, self.attempt, self.files, self.head, start, read=self.head is not None and self._is_awaited(self.head),
            closing=closing, overdue=overdue)

    def learn(self, found: Glance) -> bool:
        """Take what was found; whether there is anything that readers should know."""
        if found.files != self.files:
            self.path = str(found.files.log)
        told = self.head is None or bool(found.frames) or (found.closed and self.final is None)
        self.files, self.seen, self.head = found.files, found.size, found.head
        if found.closed and self.final is None:
            self.final, self.in_line = found.size, found.in_line
        if found.frames:
            self._keep(found.frames)
        return told

    def has_more(self) -> bool:
        """Whether there is something unread that a reader waits for; half a character is not, unless nothing follows it."""
        if self.head is None:
            return True
        unread = self.seen - self.head if self.final is None else self.final - self.head
        return unread > (LONGEST_HALF if self.final is None else 0) and self._is_awaited(self.head)

    def is_at_end(self, place: StreamPlace) -> bool:
        """Whether a reader at this place has all that the log will ever hold."""
        return self.head is not None and self.final is not None and max(self.head, place.offset) >= self.final

    def rest(self) -> None:
        """Let go what all have read."""
        if self._frames and self.head is not None and all(reader.place.offset >= self.head for reader in self.readers):
            self._frames, self._weight = None, 0

    def _is_awaited(self, head: int) -> bool:
        return any(reader.place.offset >= head for reader in self.readers)

    def _keep(self, frames: Sequence[Frame]) -> None:
        if self._frames is None:
            self._frames = deque()
        for frame in frames:
            self._frames.append(frame)
            self._weight += len(frame.event) + FRAME_COST
        while self._weight > KEPT and len(self._frames) > len(frames):
            self._weight -= len(self._frames.popleft().event) + FRAME_COST


def _end_of(frame: Frame) -> int:
    return frame.end
