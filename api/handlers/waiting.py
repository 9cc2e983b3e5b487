"""Waiting for runs to change: one watcher per process, however many requests wait."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.handlers import context
from api.handlers.stop_signal import heard


@dataclass(frozen=True, eq=False)
class _Waiter:
    run_id: int
    state: str
    done: asyncio.Future[None]


class RunWatch:
    """Looks at the states of all awaited runs in one read, every so many seconds, while anybody waits.

    `load_states` blocks; it gives the state of each run that exists, as a text that differs whenever the state does.
    """

    def __init__(self, load_states: Callable[[Collection[int]], Mapping[int, str]], *, every: float = 0.5) -> None:
        self._load_states, self._every = load_states, every
        self._waiters: set[_Waiter] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; once it is told to stop nobody waits any more, and all are answered with their run as it is."""
        self._is_closing = False
        with heard(self.close):
            yield

    def close(self) -> None:
        """Let everybody go. On the event loop only."""
        self._is_closing = True
        for waiter in tuple(self._waiters):
            if not waiter.done.done():
                waiter.done.set_result(None)

    async def changed(self, run_id: int, state: str, seconds: float) -> None:
        """Return when the run's state is another than this one, when the time is up, or when the server is to stop."""
        if self._is_closing:
            return
        waiter = _Waiter(run_id, state, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())
        try:
            await asyncio.wait_for(waiter.done, seconds)
        except TimeoutError:
            return
        finally:
            self._waiters.discard(waiter)

    async def _watch(self) -> None:
        while self._waiters:
            await asyncio.sleep(self._every)
            awaited = {waiter.run_id for waiter in self._waiters}
            if not awaited:
                return
            try:
                states = await context.in_thread(self._load_states, awaited)
            except BaseException as failed:
                self._fail(failed)
                raise
            for waiter in tuple(self._waiters):
                if states.get(waiter.run_id, "") != waiter.state and not waiter.done.done():
                    waiter.done.set_result(None)

    def _fail(self, failed: BaseException) -> None:
        for waiter in tuple(self._waiters):
            if not waiter.done.done():
                waiter.done.set_exception(failed)
