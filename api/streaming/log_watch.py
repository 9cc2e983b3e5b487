"""Polls the followed logs in one thread: active ones each time, idle ones in turn."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import compress, islice
from math import ceil

from api.domain.jobs.event_stream import may_grow
from api.storage.jobs.logs import Glance, Question, size_of
from api.streaming.shared_tail import Tail
from api.streaming.wake_event import WakeEvent

log = logging.getLogger(__name__)

LOOK_EVERY = 0.02
# Of a silent log only the size is asked, of each at every second look as long as there are not too many.
SILENT_AFTER = 2.0
SILENT_AT_ONCE = 80
# So long the last words of a supervisor whose claim is gone are waited for.
LAST_WORDS = 10.0


class LogWatch:
    """Tells the readers of logs when there is something new in theirs."""

    def __init__(self, look: Callable[[Question], Glance], readers: Executor) -> None:
        self._look, self._readers = look, readers
        self._wake_event = WakeEvent()
        # Ordered sets.
        self._soon: dict[Tail, None] = {}
        self._lively: dict[Tail, None] = {}
        self._silent: dict[Tail, None] = {}

    @property
    def watched(self) -> int:
        """How many logs are looked at."""
        return len({*self._soon, *self._lively, *self._silent})

    def refresh(self, tail: Tail) -> None:
        """Look at a log without waiting for its turn."""
        self._silent.pop(tail, None)
        self._soon[tail] = None
        self._wake_event.wake()

    def forget(self, tail: Tail) -> None:
        """Look at a log no longer."""
        for logs in (self._soon, self._lively, self._silent):
            logs.pop(tail, None)

    async def rest(self) -> None:
        """Wait until it is time to look again, or, without a log, until there is one."""
        await self._wake_event.sleep(LOOK_EVERY if self._lively or self._silent else None)

    async def watch(self) -> None:
        """Look once at the logs whose turn it is."""
        loop = asyncio.get_running_loop()
        lively, silent = [*{**self._soon, **self._lively}], self._in_turn()
        self._soon = {}
        # Those that are asked for now are looked at again where this look fails.
        self._lively |= dict.fromkeys(lively)
        questions = [self._question(tail, loop.time()) for tail in lively]
        sizes = [(tail.path, tail.seen) for tail in silent]
        if questions or sizes:
            found, grown = await loop.run_in_executor(self._readers, self._look_at_all, questions, sizes)
            for tail, each in zip(lively, found, strict=True):
                self._take(tail, each, loop.time())
            for tail in compress(silent, grown):
                if tail.readers:
                    self.refresh(tail)

    def _in_turn(self) -> list[Tail]:
        chosen = list(islice(self._silent, min(SILENT_AT_ONCE, ceil(len(self._silent) / 2))))
        for tail in chosen:
            # Those that were not looked at for longest stand first.
            del self._silent[tail]
            self._silent[tail] = None
        return chosen

    def _question(self, tail: Tail, now: float) -> Question:
        closing = not may_grow(tail.subject.job, tail.attempt)
        if closing and tail.closing_since is None:
            tail.closing_since = now
        late = tail.closing_since is not None and now - tail.closing_since >= LAST_WORDS
        return tail.question(closing=closing, overdue=late)

    def _look_at_all(self, questions: Sequence[Question], sizes: Sequence[tuple[str, int]]) -> tuple[list[Glance | Exception], list[bool]]:
        return [self._look_at(question) for question in questions], [size_of(path) != seen for path, seen in sizes]

    def _look_at(self, question: Question) -> Glance | Exception:
        try:
            return self._look(question)
        # What is wrong with one log must not keep anybody from the others.
        except Exception as fault:
            return fault

    def _take(self, tail: Tail, found: Glance | Exception, now: float) -> None:
        if not tail.readers:
            return
        if isinstance(found, Exception):
            # It is looked at again many times a second, which is no reason to say so each time.
            if not tail.is_unreadable:
                words = found.strerror if isinstance(found, OSError) else type(found).__name__
                log.error("the log of attempt %d of job %s cannot be read: %s", tail.attempt, tail.subject.job.job_id, words)
        elif tail.learn(found):
            tail.grew_at = now
            for reader in tuple(tail.readers):
                reader.wake()
        tail.is_unreadable = isinstance(found, Exception)
        self._file(tail, now)

    def _file(self, tail: Tail, now: float) -> None:
        """Put a log where it belongs: with the lively ones, with the silent ones, or, once it is whole and read, nowhere."""
        self._lively.pop(tail, None)
        self._silent.pop(tail, None)
        if tail.final is not None and not tail.has_more():
            return
        if now - tail.grew_at < SILENT_AFTER or tail.closing_since is not None:
            self._lively[tail] = None
        else:
            tail.rest()
            self._silent[tail] = None
