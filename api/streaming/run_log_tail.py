"""The shared tail of a run's log: one reader for all clients of this process who have caught up."""
from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Self

from api.domain.runs.run import RunStatus
from api.domain.text.log_cursor import LogPlace, fingerprint
from api.streaming.shutdown import on_stop_signal
from api.streaming.wake_event import WakeEvent

POLL_INTERVAL = 0.5
# How many bytes of events are buffered for clients that lag a little.
BUFFER_BYTES = 512 * 1024
EVENT_OVERHEAD = 300


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line of the log as an encoded event, with its offset and the position after it."""

    start: int
    after: LogPlace
    data: bytes


@dataclass(frozen=True, slots=True)
class LogSnapshot:
    """What was read of a log from a position on, at the monotonic time `read_at`.

    `log_fingerprint` identifies the log at the position; `beginning` is its first bytes, None without a log. `end` is the run's status
    once the log is complete. `more`: reading stopped before the log's end. `replaced`: another log was there, and was read from its
    start.
    """

    read_at: float
    place: LogPlace
    log_fingerprint: bytes
    beginning: bytes | None = None
    events: Sequence[LogEvent] = ()
    end: RunStatus | None = None
    more: bool = False
    replaced: bool = False


ReadLog = Callable[[LogPlace, bytes], Awaitable[LogSnapshot]]


class RunLogTail:
    """The newest events of one run's log, polled while it has readers."""

    def __init__(self, read_log: ReadLog, first: LogSnapshot, interval: float) -> None:
        self._read_log, self._interval = read_log, interval
        self._head = replace(first, events=())
        self._events: deque[LogEvent] = deque()
        self._buffered_bytes = 0
        self._failure: BaseException | None = None
        self.readers: set[WakeEvent] = set()
        # In a context of its own, or it would keep the first request alive.
        self.task = asyncio.get_running_loop().create_task(self._watch(), context=Context())

    def after(self, seen: LogSnapshot) -> LogSnapshot | None:
        """What follows what a client has seen; None where nothing does yet. With `more` the client must read for itself."""
        if self._failure is not None:
            raise self._failure
        offset, head = seen.place.offset, self._head
        if head.beginning is not None and fingerprint(head.beginning, offset) != seen.log_fingerprint:
            # A client that noticed the replacement first waits for this tail; the others start with the new log.
            newer = replace(head, events=(), place=LogPlace(), log_fingerprint=fingerprint(b"", 0), end=None, more=False, replaced=False)
            return None if head.read_at <= seen.read_at else newer
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
                await asyncio.sleep(self._interval)
            [found] = await asyncio.gather(self._read_log(self._head.place, self._head.log_fingerprint), return_exceptions=True)
            if isinstance(found, BaseException):
                self._failure = found
                self._wake_all()
                return
            self._apply(found)

    def _apply(self, found: LogSnapshot) -> None:
        if found.replaced:
            self._events.clear()
            self._buffered_bytes = 0
        # A log that was missing for a moment counts as the same one.
        beginning = self._head.beginning if found.beginning is None else found.beginning
        self._head = replace(found, events=(), beginning=beginning)
        for event in found.events:
            self._events.append(event)
            self._buffered_bytes += len(event.data) + EVENT_OVERHEAD
        while self._buffered_bytes > BUFFER_BYTES and len(self._events) > len(found.events):
            self._buffered_bytes -= len(self._events.popleft().data) + EVENT_OVERHEAD
        if found.events or found.replaced or found.end is not None:
            self._wake_all()

    def _wake_all(self) -> None:
        for reader in self.readers:
            reader.wake()


class RunLogReader:
    """One client of a shared tail, while this is entered."""

    __slots__ = ("_read_log", "_run_id", "_tail", "_tails", "_wake_event", "is_ended")

    def __init__(self, tails: RunLogTails, run_id: int, read_log: ReadLog) -> None:
        self._tails, self._run_id, self._read_log = tails, run_id, read_log
        self._tail: RunLogTail | None = None
        self._wake_event = WakeEvent()
        self.is_ended = False

    def wake(self) -> None:
        """End the current wait."""
        self._wake_event.wake()

    def end(self) -> None:
        """End the stream, since its caller has lost the right to it."""
        self.is_ended = True
        self.wake()

    async def next(self, seen: LogSnapshot, seconds: float) -> LogSnapshot:
        """What follows; no events after a timeout or `wake`."""
        if seen.more:
            return await self._read_log(seen.place, seen.log_fingerprint)
        tail = self._join(seen)
        found = tail.after(seen)
        if found is None:
            await self._wake_event.sleep(seconds)
            found = tail.after(seen)
        return replace(seen, events=(), replaced=False) if found is None else found

    def __enter__(self) -> Self:
        """Have it woken when the server stops."""
        self._tails.readers.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Unsubscribe."""
        self._tails.readers.discard(self)
        if self._tail is not None:
            self._tails.release(self._run_id, self._tail, self._wake_event)

    def _join(self, seen: LogSnapshot) -> RunLogTail:
        if self._tail is None:
            self._tail = self._tails.shared(self._run_id, self._read_log, seen)
            self._tail.readers.add(self._wake_event)
        return self._tail


class RunLogTails:
    """The tails of all runs whose logs are streamed in this process. On the event loop only."""

    def __init__(self, *, interval: float = POLL_INTERVAL) -> None:
        self.interval = interval
        self._tails: dict[int, RunLogTail] = {}
        self.readers: set[RunLogReader] = set()
        self.is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; on a stop signal all readers are woken, to end their streams."""
        self.is_closing = False
        with on_stop_signal(self.close):
            yield

    def close(self) -> None:
        """Wake all readers, so that their streams end."""
        self.is_closing = True
        for reader in self.readers:
            reader.wake()

    def reader(self, run_id: int, read_log: ReadLog) -> RunLogReader:
        """A reader of a run's log; `read_log` reads the log from a position on."""
        return RunLogReader(self, run_id, read_log)

    def shared(self, run_id: int, read_log: ReadLog, seen: LogSnapshot) -> RunLogTail:
        """The tail that the readers of a run share; the first of them begins it, where it stands."""
        if run_id not in self._tails:
            self._tails[run_id] = RunLogTail(read_log, seen, self.interval)
        return self._tails[run_id]

    def release(self, run_id: int, tail: RunLogTail, reader: WakeEvent) -> None:
        """A reader needs a tail no longer; without any it ends."""
        tail.readers.discard(reader)
        if not tail.readers:
            tail.task.cancel()
            if self._tails.get(run_id) is tail:
                del self._tails[run_id]
