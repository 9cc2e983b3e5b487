"""Polls the followed logs in one thread: active ones each time, idle ones in turn."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import compress, islice
from math import ceil

from api.domain.jobs.event_stream import may_grow
from api.storage.jobs.attempt_logs import AttemptLogs
from api.storage.jobs.logs import LogQuery, LogState, place_of, query_log
from api.storage.jobs.places import AttemptPlace
from api.streaming.shared_tail import Tail
from api.streaming.wake_event import WakeEvent

log = logging.getLogger(__name__)

# Of an idle log only the size is read: at every second poll, unless there are too many.
IDLE_AFTER = 2.0
IDLE_BATCH_SIZE = 80
NOWHERE = AttemptPlace("", 0, 0)


class LogWatch:
    """Polls logs, and wakes the readers of those that grew."""

    def __init__(self, logs: AttemptLogs, readers: Executor) -> None:
        self._logs, self._readers = logs, readers
        self._wake_event = WakeEvent()
        # Ordered sets.
        self._urgent: dict[Tail, None] = {}
        self._active: dict[Tail, None] = {}
        self._idle: dict[Tail, None] = {}

    @property
    def log_count(self) -> int:
        """The number of polled logs."""
        return len({*self._urgent, *self._active, *self._idle})

    def refresh(self, tail: Tail) -> None:
        """Poll a log next, ahead of its turn."""
        self._idle.pop(tail, None)
        self._urgent[tail] = None
        self._wake_event.wake()

    def forget(self, tail: Tail) -> None:
        """Stop polling a log."""
        for logs in (self._urgent, self._active, self._idle):
            logs.pop(tail, None)

    async def wait(self) -> None:
        """Wait until the next poll is due; without logs, until there is one."""
        await self._wake_event.sleep(self._logs.poll_interval if self._active or self._idle else None)

    async def poll(self) -> None:
        """Poll the logs that are due."""
        loop = asyncio.get_running_loop()
        active, idle = [*{**self._urgent, **self._active}], self._next_idle()
        self._urgent = {}
        # Urgent logs are polled again if this poll fails.
        self._active |= dict.fromkeys(active)
        queries = [tail.query(closing=not may_grow(tail.subject.job, tail.attempt)) for tail in active]
        seen = [(tail.log or NOWHERE, tail.seen) for tail in idle]
        if queries or seen:
            found, grown = await loop.run_in_executor(self._readers, self._query_all, queries, seen)
            for tail, each in zip(active, found, strict=True):
                self._apply(tail, each, loop.time())
            for tail in compress(idle, grown):
                if tail.readers:
                    self.refresh(tail)

    def _next_idle(self) -> list[Tail]:
        chosen = list(islice(self._idle, min(IDLE_BATCH_SIZE, ceil(len(self._idle) / 2))))
        for tail in chosen:
            # The least recently polled come first.
            del self._idle[tail]
            self._idle[tail] = None
        return chosen

    def _query_all(
        self, queries: Sequence[LogQuery], seen: Sequence[tuple[AttemptPlace, int]],
    ) -> tuple[list[LogState | Exception], list[bool]]:
        """Query logs, and tell which of others have another size than was seen; the sizes of all are looked at together."""
        places = [self._place_of(query) for query in queries]
        sizes = self._logs.sizes([NOWHERE if isinstance(each, Exception) else each for each in places] + [place for place, _ in seen])
        found = [self._query_one(*each) for each in zip(queries, places, sizes[:len(queries)], strict=True)]
        return found, [size != before for size, (_, before) in zip(sizes[len(queries):], seen, strict=True)]

    def _place_of(self, query: LogQuery) -> AttemptPlace | Exception:
        try:
            return place_of(self._logs, query)
        # A fault of one log must not stop the others.
        except Exception as fault:
            return fault

    def _query_one(self, query: LogQuery, place: AttemptPlace | Exception, size: int) -> LogState | Exception:
        if isinstance(place, Exception):
            return place
        try:
            return query_log(self._logs, query, place, size)
        except Exception as fault:
            return fault

    def _apply(self, tail: Tail, found: LogState | Exception, now: float) -> None:
        if not tail.readers:
            return
        if isinstance(found, Exception):
            # It is polled many times a second, but logged once.
            if not tail.is_unreadable:
                words = found.strerror if isinstance(found, OSError) else type(found).__name__
                log.error("the log of attempt %d of job %s cannot be read: %s", tail.attempt, tail.subject.job.job_id, words)
        elif tail.update(found):
            tail.grew_at = now
            for reader in tuple(tail.readers):
                reader.wake()
        tail.is_unreadable = isinstance(found, Exception)
        self._classify(tail, now)

    def _classify(self, tail: Tail, now: float) -> None:
        """Put a log among the active or the idle ones; drop it once it is complete and read."""
        self._active.pop(tail, None)
        self._idle.pop(tail, None)
        if tail.final is not None and not tail.has_more():
            return
        if now - tail.grew_at < IDLE_AFTER or tail.final is not None:
            self._active[tail] = None
        else:
            tail.release_frames()
            self._idle[tail] = None
