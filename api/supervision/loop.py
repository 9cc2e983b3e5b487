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

# How long all tasks together may take to come to an end; one that hangs ends with the process.
LEAVING = 4.0
# Whoever wakes a task may not have committed yet what there is to do.
SETTLE = 0.2


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Task:
    """Work that is done every so many seconds, or sooner where `wake` is set.

    The work returns None once nothing is left to do; otherwise it is called again at once, so that each call is short. `close` is called at
    the end. `overdue` is after how many seconds without a success it is called overdue, where that is not a matter of its period.
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
        """Begin, in a thread of its own."""
        # A thread that hangs from an earlier time must not go on with this one.
        self._stopping = Event()
        self._thread = Thread(target=self._run, args=(self._stopping,), name=self._task.name, daemon=True)
        self._thread.start()

    def request_stop(self) -> None:
        """Do nothing more after what is being done."""
        self._stopping.set()
        if self._task.wake is not None:
            self._task.wake.set()

    def join(self, seconds: float) -> None:
        """Wait for its end, no longer than so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def turn(self) -> float:
        """Do the work once, whatever it raises; how many seconds to rest now."""
        left: object = None
        with self.supervision.attempt(is_exit=never):
            self.supervision.begin()
            left = self._task.work()
        return self.supervision.pause or (self._task.every if left is None else 0.0)

    def _run(self, stopping: Event) -> None:
        while not stopping.is_set():
            self._rest(self.turn(), stopping)
        with self.supervision.attempt(is_exit=never):
            self._task.close()

    def _rest(self, seconds: float, stopping: Event) -> None:
        # What fails is not woken: there may always be something new to do.
        if self._task.wake is None or self.supervision.pause or not seconds:
            stopping.wait(seconds)
        elif self._task.wake.wait(seconds):
            self._task.wake.clear()
            stopping.wait(SETTLE)


class Background:
    """The tasks of one process. Several processes may have the same ones side by side: what each does, it takes from the database first."""

    def __init__(
        self, *, is_outage: Callable[[BaseException], bool] = never, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_outage, self._clock, self._monotonic = is_outage, clock, monotonic
        self._loops: list[Loop] = []
        self._supervised: list[Supervision] = []

    def add(self, tasks: Iterable[Task]) -> None:
        """Run these too, from the next start on."""
        for task in tasks:
            supervision = self.supervise(task.name, every=task.every, first_pause=task.first_pause, overdue=task.overdue)
            self._loops.append(Loop(task, supervision))

    def supervise(self, name: str, **options: Any) -> Supervision:
        """A supervision, made with these options, of work that others do on the event loop; it is among the states from now on."""
        made = Supervision(name, is_outage=self._is_outage, clock=self._clock, monotonic=self._monotonic, **options)
        self._supervised.append(made)
        return made

    def states(self) -> tuple[TaskState, ...]:
        """How each stands now."""
        return tuple(each.state() for each in self._supervised)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Run the tasks for as long as the context lasts."""
        self._start()
        try:
            yield
        finally:
            self._stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The same on the event loop, which does not wait for their ends."""
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
        until = time.monotonic() + LEAVING
        for loop in self._loops:
            loop.join(max(0.0, until - time.monotonic()))
