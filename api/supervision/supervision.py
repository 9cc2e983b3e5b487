"""Supervision of a long-running task: logs its failures, retries with a pause, and keeps its state."""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Lock

from api.domain.background import FIRST_PAUSE, LONGEST_PAUSE, TaskState, overdue_after, pause_after

log = logging.getLogger(__name__)

# A fault that comes and goes is told of once a minute, and with its trace once an hour.
WORDS_EVERY, TRACE_EVERY = 60.0, 3600.0
MOST_KINDS = 32

IsExit = Callable[[BaseException], bool]
# Makes a supervision by its name; further arguments are those of the class.
Supervise = Callable[..., "Supervision"]


def is_exit(raised: BaseException) -> bool:
    """Whether the process, or the task on the event loop, is told to end by this."""
    if isinstance(raised, asyncio.CancelledError):
        # One that nobody asked this task for comes from a future that was cancelled elsewhere.
        task = _current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(raised, KeyboardInterrupt | SystemExit | GeneratorExit)


def never(raised: BaseException) -> bool:
    """In a thread nothing that is raised ends more than the thread, so nothing there is an exit."""
    return False


class Supervision:
    """The account of one piece of work that is attempted again and again. States may be asked for by any thread.

    `every` is the work's period, None where it waits for something to do. An outage is told of without a trace. `pause` is how long to
    rest after the last attempt failed, 0 after a success; at first `first_pause` or a period, at last `longest_pause`.
    """

    def __init__(
        self, name: str, *, every: float | None = None, first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE, overdue: float | None = None,
        is_outage: Callable[[BaseException], bool] = never, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.pause = name, 0.0
        self._every, self._is_outage, self._clock, self._monotonic = every, is_outage, clock, monotonic
        self._first_pause = max(first_pause, every or 0.0)
        self._longest_pause = max(longest_pause, self._first_pause)
        self._overdue = overdue_after(every) if overdue is None else overdue
        self._lock = Lock()
        self._succeeded = monotonic()
        self._succeeded_at: datetime | None = None
        self._behind_since: float | None = None
        self._failures = self._in_row = self._untold = 0
        self._traced: dict[str, float] = {}
        self._told = float("-inf")
        self._told_in_row = False

    @contextmanager
    def attempt(self, is_exit: IsExit = is_exit) -> Iterator[None]:
        """One attempt at the work: what it raises is counted and told, and goes no further unless it is an exit."""
        try:
            yield
        # The one place that may not be ended by anything: whatever went wrong is tried again, and nobody else would ever know.
        except BaseException as raised:
            if is_exit(raised):
                self._leave()
                raise
            self._fail()
            # What is said of a fault, when memory or disk are short, must not become one.
            with suppress(Exception):
                self._tell(raised)
        else:
            self._succeed()

    def begin(self) -> None:
        """The work begins now, so that it can be overdue; within an attempt, behind any waiting for something to do."""
        with self._lock:
            self._behind_since = self._monotonic() if self._behind_since is None else self._behind_since

    def state(self) -> TaskState:
        """How the work stands now."""
        with self._lock:
            now = self._monotonic()
            age = now - self._succeeded
            is_behind = self._behind_since is not None and now - self._behind_since > self._overdue
            is_late = self._every is not None and age > self._overdue + self._every
            return TaskState(self.name, age, self._succeeded_at, self._failures, self._in_row, is_behind or is_late)

    def _leave(self) -> None:
        with self._lock:
            self._behind_since = None

    def _succeed(self) -> None:
        with self._lock:
            self._succeeded, self._succeeded_at = self._monotonic(), self._clock()
            recovered, self._in_row = self._in_row, 0
            was_told, self._told_in_row = self._told_in_row, False
            self._behind_since, self.pause = None, 0.0
        if was_told:
            log.info("%s works again, after %d failures", self.name, recovered)

    def _fail(self) -> None:
        with self._lock:
            self._failures += 1
            self._in_row += 1
            self.pause = pause_after(self._in_row, first=self._first_pause, longest=self._longest_pause)

    def _tell(self, raised: BaseException) -> None:
        now, kind = self._monotonic(), type(raised).__name__
        is_outage = self._is_outage(raised)
        is_news = not is_outage and now - self._traced.get(kind, float("-inf")) >= TRACE_EVERY
        if not is_news and now - self._told < WORDS_EVERY:
            self._untold += 1
            return
        if is_news:
            if len(self._traced) >= MOST_KINDS:
                self._traced.clear()
            self._traced[kind] = now
        untold, self._told, self._untold, self._told_in_row = self._untold, now, 0, True
        log.error(
            "%s failed (%s), %d times in a row; trying again in %.3g seconds%s", self.name, kind, self._in_row, self.pause,
            f"; {untold} failures before were not told" if untold else "", exc_info=raised if is_news else None)


async def run_forever(supervision: Supervision, rest: Callable[[], Awaitable[object]], work: Callable[[], Awaitable[object]]) -> None:
    """Rest and work by turns on the event loop, until the task is cancelled; after a failure it rests for the supervision's pause first."""
    while True:
        with supervision.attempt():
            await rest()
            supervision.begin()
            await work()
        await asyncio.sleep(supervision.pause)


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
