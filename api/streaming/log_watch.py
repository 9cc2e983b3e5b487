"""Polls the followed logs in one thread: active ones each time, idle ones in turn."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import compress, islice
from math import ceil

from api.domain.jobs.event_stream import may_grow
from api.storage.jobs.logs import LogQuery, LogState, size_of
from api.streaming.shared_tail import Tail
from api.streaming.wake_event import WakeEvent

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.02
# Of an idle log only the size is read: at every second poll, unless there are too many.
IDLE_AFTER = 2.0
IDLE_BATCH_SIZE = 80
# How long a supervisor whose claim is lost may still append to its log.
DRAIN_SECONDS = 10.0


class LogWatch:
    """Polls logs, and wakes the readers of those that grew."""

    def __init__(self, query_log: Callable[[LogQuery], LogState], readers: Executor) -> None:
        self._query_log, self._readers = query_log, readers
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
        await self._wake_event.sleep(POLL_INTERVAL if self._active or self._idle else None)

    async def poll(self) -> None:
        """Poll the logs that are due."""
        loop = asyncio.get_running_loop()
        active, idle = [*{**self._urgent, **self._active}], self._next_idle()
        self._urgent = {}
        # Urgent logs are polled again if this poll fails.
        self._active |= dict.fromkeys(active)
        queries = [self._query_of(tail, loop.time()) for tail in active]
        sizes = [(tail.path, tail.seen) for tail in idle]
        if queries or sizes:
            found, grown = await loop.run_in_executor(self._readers, self._query_all, queries, sizes)
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

    def _query_of(self, tail: Tail, now: float) -> LogQuery:
        closing = not may_grow(tail.subject.job, tail.attempt)
        if closing and tail.closing_since is None:
            tail.closing_since = now
        late = tail.closing_since is not None and now - tail.closing_since >= DRAIN_SECONDS
        return tail.query(closing=closing, overdue=late)

    def _query_all(self, queries: Sequence[LogQuery], sizes: Sequence[tuple[str, int]]) -> tuple[list[LogState | Exception], list[bool]]:
        return [self._query_one(query) for query in queries], [size_of(path) != seen for path, seen in sizes]

    def _query_one(self, query: LogQuery) -> LogState | Exception:
        try:
            return self._query_log(query)
        # A fault of one log must not stop the others.
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
        if now - tail.grew_at < IDLE_AFTER or tail.closing_since is not None:
            self._active[tail] = None
        else:
            tail.release_frames()
            self._idle[tail] = None
