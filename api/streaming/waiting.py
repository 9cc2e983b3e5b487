"""Long polling of runs: one watcher per process for all requests that wait."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

from api.domain.errors import Unauthorized
from api.specfirst import request_context
from api.streaming.shutdown import on_stop_signal


class Waiter:
    """One request that waits for a run to be in another state than this one."""

    def __init__(self, run_id: int, state: str) -> None:
        self.run_id, self.state = run_id, state
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self, seconds: float) -> None:
        """Return when the state is another, when the time is up, or when the server is to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.done, seconds)

    def release(self) -> None:
        """Let the request go on."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, failed: BaseException) -> None:
        """Break the request's wait."""
        if not self.done.done():
            self.done.set_exception(failed)

    def lose(self) -> None:
        """Refuse the request: its token died meanwhile."""
        self.fail(Unauthorized())


class RunWatch:
    """Looks at the states of all awaited runs in one read, every so many seconds, while anybody waits.

    `load_states` blocks; it gives the state of each run that exists, as a text that differs whenever the state does.
    """

    def __init__(self, load_states: Callable[[Collection[int]], Mapping[int, str]], *, every: float = 0.5) -> None:
        self._load_states, self._every = load_states, every
        self._waiters: set[Waiter] = set()
        self._subscriber: asyncio.Task[None] | None = None
        self._is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; once it is told to stop nobody waits any more, and all are answered with their run as it is."""
        self._is_closing = False
        with on_stop_signal(self.close):
            yield

    def close(self) -> None:
        """Let everybody go. On the event loop only."""
        self._is_closing = True
        for waiter in tuple(self._waiters):
            waiter.release()

    @contextmanager
    def waiter(self, run_id: int, state: str) -> Iterator[Waiter]:
        """One that waits for as long as the context lasts, for the run to be in another state than this one."""
        waiter = Waiter(run_id, state)
        self._waiters.add(waiter)
        if self._is_closing:
            waiter.release()
        elif self._subscriber is None or self._subscriber.done():
            self._subscriber = asyncio.create_task(self._watch())
        try:
            yield waiter
        finally:
            self._waiters.discard(waiter)

    async def _watch(self) -> None:
        while self._waiters:
            await asyncio.sleep(self._every)
            awaited = {waiter.run_id for waiter in self._waiters}
            if not awaited:
                return
            try:
                states = await request_context.in_thread(self._load_states, awaited)
            except BaseException as failed:
                for waiter in tuple(self._waiters):
                    waiter.fail(failed)
                raise
            for waiter in tuple(self._waiters):
                if states.get(waiter.run_id, "") != waiter.state:
                    waiter.release()
