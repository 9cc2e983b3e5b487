"""Long polling of runs: one watcher per process for all requests that wait."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

from api.domain.errors import Unauthorized
from api.specfirst import request_context
from api.streaming.shutdown import on_stop_signal


class Waiter:
    """A request that waits until a run leaves this state."""

    def __init__(self, run_id: int, state: str) -> None:
        self.run_id, self.state = run_id, state
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self, seconds: float) -> None:
        """Return when the state has changed, after the timeout, or when the server stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.done, seconds)

    def release(self) -> None:
        """End the wait."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, failed: BaseException) -> None:
        """End the wait with an exception."""
        if not self.done.done():
            self.done.set_exception(failed)

    def revoke(self) -> None:
        """Refuse the request, since its token was revoked."""
        self.fail(Unauthorized())


class RunWatch:
    """Polls the states of all awaited runs in one query while there are waiters.

    `load_states` blocks; it returns the state of each run that exists, as a text that changes with the state.
    """

    def __init__(self, load_states: Callable[[Collection[int]], Mapping[int, str]], *, interval: float = 0.5) -> None:
        self._load_states, self._interval = load_states, interval
        self._waiters: set[Waiter] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs; on a stop signal all waits end, and the requests are answered with the run as it is."""
        self._is_closing = False
        with on_stop_signal(self.close):
            yield

    def close(self) -> None:
        """End all waits. Call it on the event loop."""
        self._is_closing = True
        for waiter in tuple(self._waiters):
            waiter.release()

    @contextmanager
    def waiter(self, run_id: int, state: str) -> Iterator[Waiter]:
        """A waiter for a change of this state, registered while the context lasts."""
        waiter = Waiter(run_id, state)
        self._waiters.add(waiter)
        if self._is_closing:
            waiter.release()
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield waiter
        finally:
            self._waiters.discard(waiter)

    async def _watch(self) -> None:
        while self._waiters:
            await asyncio.sleep(self._interval)
            # Whoever comes while the states are loaded is told by the next look: these are of before.
            waiters = tuple(self._waiters)
            if not waiters:
                return
            try:
                states = await request_context.in_thread(self._load_states, {waiter.run_id for waiter in waiters})
            except BaseException as failed:
                for waiter in tuple(self._waiters):
                    waiter.fail(failed)
                raise
            for waiter in waiters:
                if states.get(waiter.run_id, "") != waiter.state:
                    waiter.release()
