"""Hands work to the machines that wait for it: one dispatcher per process for all of them."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from api.domain.jobs.job import Job
from api.domain.runs.machine import IsThere, Machine, MachineRemoved, WorkKind
from api.domain.runs.run import Platform
from api.jobs.wakeup.wakeup import LocalWakeup, Wakeup
from api.specfirst import request_context
from api.storage.runs.leases import Claim, Holder
from api.streaming.shutdown import on_stop_signal

# The kinds and the platform of work.
Queue = tuple[tuple[WorkKind, ...], Platform]
# How often the queues are looked at for what other hosts put there, in seconds.
INTERVAL = 2.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits for work, and of which kinds: a process of a machine."""

    machine: Machine
    holder: Holder
    kinds: tuple[WorkKind, ...]

    @property
    def queue(self) -> Queue:
        """What those have in common that would be given the same."""
        return self.kinds, self.machine.platform


Work = Claim | Job
Take = Callable[[Waiting, IsThere], Work | None]
GiveBack = Callable[[Waiting, Work], None]


@dataclass(eq=False)
class Waiter:
    """Somebody who waits, and what they will be given."""

    who: Waiting
    taken: asyncio.Future[Work | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    has_left: bool = False

    def is_there(self) -> bool:
        """Whether they still wait. For any thread."""
        return not self.has_left


class WorkQueue:
    """Claims on behalf of those that wait, in the order in which they came: of all that a queue wakes, one takes the work.

    `take` blocks; it claims the next run or job of these kinds for a machine, unless that has left before the claim is kept, and raises
    MachineRemoved. `give_back` takes a claim back of which its machine cannot know. A wake-up comes from whoever queues something on this
    host. A machine waits once for each choice of kinds: who asks again waits in place of before.
    """

    def __init__(self, take: Take, give_back: GiveBack, wakeup: LocalWakeup, *, interval: float = INTERVAL) -> None:
        self._take, self._give_back, self._wakeup, self._interval = take, give_back, wakeup, interval
        self._waiters: list[Waiter] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; on a stop signal nobody waits any longer."""
        self._is_closing, self._news = False, asyncio.Event()
        with ExitStack() as stack:
            stack.enter_context(on_stop_signal(self.close))
            with suppress(OSError):
                stack.enter_context(self._woken())
            yield

    @contextmanager
    def _woken(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        with self._wakeup.listen() as listener:
            def heard() -> None:
                listener.clear()
                self._news.set()

            loop.add_reader(listener.descriptor, heard)
            try:
                yield
            finally:
                loop.remove_reader(listener.descriptor)

    def close(self) -> None:
        """End all waits. Call it on the event loop."""
        self._is_closing = True
        for waiter in tuple(self._waiters):
            _deliver(waiter, None)

    async def wait(self, who: Waiting, seconds: float) -> Work | None:
        """The next run or job of these kinds; None where none came in time."""
        if self._is_closing:
            return None
        waiter = Waiter(who)
        if seconds <= 0:
            try:
                return await self._taken_for(waiter)
            finally:
                waiter.has_left = True
        self._end_earlier(who)
        if all(each.who.queue != who.queue for each in self._waiters):
            # Where others wait already, there was nothing a moment ago.
            self._news.set()
        self._waiters.append(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._dispatch())
        try:
            await asyncio.wait((waiter.taken,), timeout=seconds)
            return waiter.taken.result() if waiter.taken.done() else None
        except asyncio.CancelledError:
            await self._give_back_undelivered(waiter)
            raise
        finally:
            waiter.has_left = True
            self._waiters.remove(waiter)

    def _end_earlier(self, who: Waiting) -> None:
        for each in self._waiters:
            if (each.who.holder.machine, each.who.kinds) == (who.holder.machine, who.kinds):
                _deliver(each, None)

    async def _give_back_undelivered(self, waiter: Waiter) -> None:
        if waiter.taken.done() and (work := waiter.taken.result()) is not None:
            await self.give_back(waiter.who, work)

    async def give_back(self, who: Waiting, work: Work) -> None:
        """Take back what a machine was given that hung up before it heard of it."""
        await request_context.in_thread(self._give_back, who, work)

    async def _taken_for(self, waiter: Waiter) -> Work | None:
        try:
            return await request_context.in_thread(self._take, waiter.who, waiter.is_there)
        except MachineRemoved:
            # It is told when it asks again.
            _deliver(waiter, None)
            return None

    async def _dispatch(self) -> None:
        while self._waiters:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._interval)
            self._news.clear()
            try:
                for queue in dict.fromkeys(waiter.who.queue for waiter in self._waiters):
                    await self._serve(queue)
            # Whatever it is, those who wait ask again, and then it is they who are told.
            except Exception as failed:
                for waiter in tuple(self._waiters):
                    _fail(waiter, failed)

    async def _serve(self, queue: Queue) -> None:
        """Claim for those who wait in a queue, as long as there is something in it."""
        while waiter := next((each for each in self._waiters if each.who.queue == queue and not each.taken.done()), None):
            work = await self._taken_for(waiter)
            if work is None:
                if not waiter.taken.done() and not waiter.has_left:
                    return
            elif (asking := self._asking(waiter)) is not None:
                _deliver(asking, work)
            else:
                await self.give_back(waiter.who, work)

    def _asking(self, waiter: Waiter) -> Waiter | None:
        """Who is to hear of what was claimed for this one: itself, or the one by which its process waits by now."""
        there = (each for each in (waiter, *self._waiters) if not each.has_left and not each.taken.done())
        return next((each for each in there if (each.who.holder, each.who.kinds) == (waiter.who.holder, waiter.who.kinds)), None)


def wake() -> None:
    """Say that there is something new in a queue, or to be cancelled."""
    request_context.collaborator(Wakeup).wake()  # type: ignore[type-abstract]


def _deliver(waiter: Waiter, work: Work | None) -> None:
    if not waiter.taken.done():
        waiter.taken.set_result(work)


def _fail(waiter: Waiter, failed: Exception) -> None:
    if not waiter.taken.done():
        waiter.taken.set_exception(failed)
