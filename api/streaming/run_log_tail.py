"""The shared tail of a run's log: one reader for all clients of this process who have caught up."""
from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from itertools import takewhile

from api.domain.runs.run import RunStatus
from api.domain.text.log_cursor import LogPlace, fingerprint
from api.streaming.shutdown import on_stop_signal
from api.streaming.wake_event import WakeEvent

LOOK_EVERY = 0.5
# The bytes of events that are kept for clients who are a little behind.
KEPT = 512 * 1024
EVENT_COST = 300


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line of the log as an event that is ready to be sent: the offset where it begins, and the place behind it."""

    start: int
    after: LogPlace
    data: bytes


@dataclass(frozen=True, slots=True)
class LogLook:
    """What a look at a log found from a place on; `looked_at` is when, in seconds of the process's steady clock.

    `known_by` is what the log is known by at the place, `beginning` its first bytes, None where there is no log. `end` is the run's
    status once nothing will follow; `more` says that the look stopped before the log's end; `replaced` that another log has taken the
    place of the one that was being read, and was read from its start.
    """

    looked_at: float
    place: LogPlace
    known_by: bytes
    beginning: bytes | None = None
    events: Sequence[LogEvent] = ()
    end: RunStatus | None = None
    more: bool = False
    replaced: bool = False


Look = Callable[[LogPlace, bytes], Awaitable[LogLook]]


class RunLogTail:
    """The newest events of one run's log, looked for while anybody waits for them."""

    def __init__(self, look: Look, first: LogLook, every: float) -> None:
        self._look, self._every = look, every
        self._head = replace(first, events=())
        self._events: deque[LogEvent] = deque()
        self._weight = 0
        self._broken: BaseException | None = None
        self.readers: set[WakeEvent] = set()
        # In a context of its own, or it would keep alive the request that happened to be the first.
        self.task = asyncio.get_running_loop().create_task(self._watch(), context=Context())

    def after(self, seen: LogLook) -> LogLook | None:
        """What follows on what a client has seen; None where nothing does yet. With `more` the client has to look for itself."""
        if self._broken is not None:
            raise self._broken
        offset, head = seen.place.offset, self._head
        if head.beginning is not None and fingerprint(head.beginning, offset) != seen.known_by:
            # Who was quicker to see that the log was replaced waits for this tail; all others begin with the new log.
            newer = replace(head, events=(), place=LogPlace(), known_by=fingerprint(b"", 0), end=None, more=False, replaced=False)
            return None if head.looked_at <= seen.looked_at else newer
        found = self._events_from(offset)
        if offset < head.place.offset and (not found or found[0].start != offset):
            return replace(seen, events=(), more=True)
        if not found and (head.end is None or offset > head.place.offset):
            return None
        return replace(head, events=found, more=False, replaced=False)

    def _events_from(self, offset: int) -> list[LogEvent]:
        found = list(takewhile(lambda event: event.start >= offset, reversed(self._events)))
        found.reverse()
        return found

    async def _watch(self) -> None:
        while self._head.end is None:
            if not self._head.more:
                await asyncio.sleep(self._every)
            [found] = await asyncio.gather(self._look(self._head.place, self._head.known_by), return_exceptions=True)
            if isinstance(found, BaseException):
                self._broken = found
                self._wake_all()
                return
            self._take(found)

    def _take(self, found: LogLook) -> None:
        if found.replaced:
            self._events.clear()
            self._weight = 0
        # A log that is gone for a moment is the same one when it comes back.
        beginning = self._head.beginning if found.beginning is None else found.beginning
        self._head = replace(found, events=(), beginning=beginning)
        for event in found.events:
            self._events.append(event)
            self._weight += len(event.data) + EVENT_COST
        while self._weight > KEPT and len(self._events) > len(found.events):
            self._weight -= len(self._events.popleft().data) + EVENT_COST
        if found.events or found.replaced or found.end is not None:
            self._wake_all()

    def _wake_all(self) -> None:
        for reader in self.readers:
            reader.wake()


class RunLogReader:
    """One client's way to what follows on what it has seen."""

    def __init__(self, tails: dict[int, RunLogTail], run_id: int, look: Look, every: float) -> None:
        self._tails, self._run_id, self._look, self._every = tails, run_id, look, every
        self._tail: RunLogTail | None = None
        self._wake_event = WakeEvent()

    def wake(self) -> None:
        """End the present wait."""
        self._wake_event.wake()

    async def next(self, seen: LogLook, seconds: float) -> LogLook:
        """What follows; no event where nothing did within so many seconds, or somebody woke this reader."""
        if seen.more:
            return await self._look(seen.place, seen.known_by)
        tail = self._joined(seen)
        found = tail.after(seen)
        if found is None:
            await self._wake_event.sleep(seconds)
            found = tail.after(seen)
        return replace(seen, events=(), replaced=False) if found is None else found

    def leave(self) -> None:
        """Wait for nothing more."""
        if self._tail is None:
            return
        self._tail.readers.discard(self._wake_event)
        if not self._tail.readers:
            self._tail.task.cancel()
            if self._tails.get(self._run_id) is self._tail:
                del self._tails[self._run_id]

    def _joined(self, seen: LogLook) -> RunLogTail:
        if self._tail is None:
            if self._run_id not in self._tails:
                self._tails[self._run_id] = RunLogTail(self._look, seen, self._every)
            self._tail = self._tails[self._run_id]
            self._tail.readers.add(self._wake_event)
        return self._tail


class RunLogTails:
    """The tails of all runs whose logs are streamed in this process. On the event loop only."""

    def __init__(self, *, every: float = LOOK_EVERY) -> None:
        self.every = every
        self._tails: dict[int, RunLogTail] = {}
        self._readers: set[RunLogReader] = set()
        self.is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; once it is told to stop all readers are woken, to end their streams."""
        self.is_closing = False
        with on_stop_signal(self.close):
            yield

    def close(self) -> None:
        """Let everybody go."""
        self.is_closing = True
        for reader in self._readers:
            reader.wake()

    @contextmanager
    def reader(self, run_id: int, look: Look) -> Iterator[RunLogReader]:
        """A reader of a run's log, for as long as the context lasts; `look` reads the log from a place on."""
        reader = RunLogReader(self._tails, run_id, look, self.every)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            reader.leave()

