"""Supervision of a long-running task: logs its failures, retries with a pause, and keeps its state."""
from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Lock

from api.domain.background import FIRST_PAUSE, MAX_PAUSE, TaskState, overdue_after, pause_after

log = logging.getLogger(__name__)

# A repeated failure is logged once a minute, and with its traceback once an hour.
LOG_INTERVAL, TRACEBACK_INTERVAL = 60.0, 3600.0
MAX_TRACED_TYPES = 32

IsExit = Callable[[BaseException], bool]
# Makes a Supervision; the arguments are those of the class.
Supervise = Callable[..., "Supervision"]


def is_exit(raised: BaseException) -> bool:
    """Whether this exception ends the process or the task on the event loop."""
    if isinstance(raised, asyncio.CancelledError):
        # Where this task was not cancelled itself, a future that it awaited was.
        task = _current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(raised, KeyboardInterrupt | SystemExit | GeneratorExit)


def never(raised: BaseException) -> bool:
    """For threads, where no exception ends the process."""
    return False


class Supervision:
    """Supervises work that is attempted again and again. `state` may be called from any thread.

    `every` is the work's period, None where it waits for something to do. An outage is logged without a traceback. `pause` is the
    backoff after a failed attempt, from `first_pause` or a period up to `max_pause`; 0 after a success.
    """

    def __init__(
        self, name: str, *, every: float | None = None, first_pause: float = FIRST_PAUSE,
        max_pause: float = MAX_PAUSE, overdue: float | None = None,
        is_outage: Callable[[BaseException], bool] = never, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.pause = name, 0.0
        self._every, self._is_outage, self._clock, self._monotonic = every, is_outage, clock, monotonic
        self._first_pause = max(first_pause, every or 0.0)
        self._max_pause = max(max_pause, self._first_pause)
        self._overdue = overdue_after(every) if overdue is None else overdue
        self._lock = Lock()
        self._succeeded = monotonic()
        self._succeeded_at: datetime | None = None
        self._behind_since: float | None = None
        self._failures = self._consecutive = self._unlogged = 0
        self._traced: dict[str, float] = {}
        self._logged_at = float("-inf")
        self._is_logged = False

    @contextmanager
    def attempt(self, is_exit: IsExit = is_exit) -> Iterator[None]:
        """One attempt at the work: an exception is counted and logged, and is suppressed unless it is an exit."""
        try:
            yield
        # Nothing may end the supervision: whatever fails is logged here and tried again.
        except BaseException as raised:
            if is_exit(raised):
                self._cancel()
                raise
            self._fail()
            # Logging may fail where memory or disk space is short.
            with suppress(Exception):
                self._log_failure(raised)
        else:
            self._succeed()

    def begin(self) -> None:
        """Mark the start of the work, after any waiting for something to do; from now on it can be overdue."""
        with self._lock:
            self._behind_since = self._monotonic() if self._behind_since is None else self._behind_since

    def state(self) -> TaskState:
        """The current state."""
        with self._lock:
            now = self._monotonic()
            age = now - self._succeeded
            is_behind = self._behind_since is not None and now - self._behind_since > self._overdue
            is_late = self._every is not None and age > self._overdue + self._every
            return TaskState(self.name, age, self._succeeded_at, self._failures, self._consecutive, is_behind or is_late)

    def _cancel(self) -> None:
        with self._lock:
            self._behind_since = None

    def _succeed(self) -> None:
        with self._lock:
            self._succeeded, self._succeeded_at = self._monotonic(), self._clock()
            recovered, self._consecutive = self._consecutive, 0
            was_logged, self._is_logged = self._is_logged, False
            self._behind_since, self.pause = None, 0.0
        if was_logged:
            log.info("%s works again, after %d failures", self.name, recovered)

    def _fail(self) -> None:
        with self._lock:
            self._failures += 1
            self._consecutive += 1
            self.pause = pause_after(self._consecutive, first=self._first_pause, max_pause=self._max_pause)

    def _log_failure(self, raised: BaseException) -> None:
        now, kind = self._monotonic(), type(raised).__name__
        is_outage = self._is_outage(raised)
        is_news = not is_outage and now - self._traced.get(kind, float("-inf")) >= TRACEBACK_INTERVAL
        if not is_news and now - self._logged_at < LOG_INTERVAL:
            self._unlogged += 1
            return
        if is_news:
            if len(self._traced) >= MAX_TRACED_TYPES:
                self._traced.clear()
            self._traced[kind] = now
        unlogged, self._logged_at, self._unlogged, self._is_logged = self._unlogged, now, 0, True
        log.error(
            "%s failed (%s), %d times in a row; trying again in %.3g seconds%s", self.name, kind, self._consecutive, self.pause,
            f"; {unlogged} failures before were not told" if unlogged else "", exc_info=raised if is_news else None)


async def run_forever(supervision: Supervision, wait: Callable[[], Awaitable[object]], work: Callable[[], Awaitable[object]]) -> None:
    """Alternate `wait` and `work` on the event loop until the task is cancelled; after a failure, pause first."""
    while True:
        with supervision.attempt():
            await wait()
            supervision.begin()
            await work()
        await asyncio.sleep(supervision.pause)


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
