"""Runs periodic tasks, each in a thread of its own, until the process stops."""
from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

from api.domain.background import FIRST_PAUSE, TaskState
from api.supervision.supervision import Supervision, never

# How long all tasks together may take to stop; one that hangs ends with the process.
SHUTDOWN_SECONDS = 4.0
# The transaction that wakes a task may not be committed yet.
SETTLE = 0.2


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Task:
    """Work that is done every `every` seconds, or sooner when `wake` is set.

    The work returns None once nothing is left to do; otherwise it is called again at once, so that each call is short. `close` is called at
    the end. `overdue` is after how many seconds without a success it counts as overdue, where its period does not say.
    """

    name: str
    work: Callable[[], object]
    every: float
    wake: Event | None = None
    close: Callable[[], None] = _nothing
    first_pause: float = FIRST_PAUSE
    overdue: float | None = None


class Loop:
    """The loop of one task."""

    def __init__(self, task: Task, supervision: Supervision) -> None:
        self.supervision = supervision
        self._task = task
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start its thread."""
        # A thread that still hangs from before must not share this event.
        self._stopping = Event()
        self._thread = Thread(target=self._run, args=(self._stopping,), name=self._task.name, daemon=True)
        self._thread.start()

    def request_stop(self) -> None:
        """Stop after the current call."""
        self._stopping.set()
        if self._task.wake is not None:
            self._task.wake.set()

    def join(self, seconds: float) -> None:
        """Wait for its end, for so many seconds at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def run_once(self) -> float:
        """Do the work once, whatever it raises; return the seconds to wait before the next call."""
        left: object = None
        with self.supervision.attempt(is_exit=never):
            self.supervision.begin()
            left = self._task.work()
        return self.supervision.pause or (self._task.every if left is None else 0.0)

    def _run(self, stopping: Event) -> None:
        while not stopping.is_set():
            self._wait(self.run_once(), stopping)
        with self.supervision.attempt(is_exit=never):
            self._task.close()

    def _wait(self, seconds: float, stopping: Event) -> None:
        # After a failure the pause is kept, however often the task is woken.
        if self._task.wake is None or self.supervision.pause or not seconds:
            stopping.wait(seconds)
        elif self._task.wake.wait(seconds):
            self._task.wake.clear()
            stopping.wait(SETTLE)


class Background:
    """The tasks of one process. Several processes may run the same ones: each claims its work in the database."""

    def __init__(
        self, *, is_outage: Callable[[BaseException], bool] = never, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_outage, self._clock, self._monotonic = is_outage, clock, monotonic
        self._loops: list[Loop] = []
        self._supervised: list[Supervision] = []

    def add(self, tasks: Iterable[Task]) -> None:
        """Add tasks, which run from the next start on."""
        for task in tasks:
            supervision = self.supervise(task.name, every=task.every, first_pause=task.first_pause, overdue=task.overdue)
            self._loops.append(Loop(task, supervision))

    def supervise(self, name: str, **options: Any) -> Supervision:
        """A supervision of work on the event loop, made with these options; `states` includes it from now on."""
        made = Supervision(name, is_outage=self._is_outage, clock=self._clock, monotonic=self._monotonic, **options)
        self._supervised.append(made)
        return made

    def states(self) -> tuple[TaskState, ...]:
        """The state of each task."""
        return tuple(each.state() for each in self._supervised)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Run the tasks while the context lasts."""
        self._start()
        try:
            yield
        finally:
            self._stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The same on the event loop, which does not block while they stop."""
        self._start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._stop)

    def _start(self) -> None:
        for loop in self._loops:
            loop.start()

    def _stop(self) -> None:
        for loop in self._loops:
            loop.request_stop()
        until = time.monotonic() + SHUTDOWN_SECONDS
        for loop in self._loops:
            loop.join(max(0.0, until - time.monotonic()))
