"""A timer that one task sleeps on, and that can be woken early."""
from __future__ import annotations

import asyncio


class WakeEvent:
    """For one sleeper. A wake-up while nobody sleeps ends the next sleep at once."""

    __slots__ = ("_is_set", "_sleeper")

    def __init__(self) -> None:
        self._sleeper: asyncio.Future[None] | None = None
        self._is_set = False

    def wake(self) -> None:
        """Wake the sleeper. Call it on the event loop."""
        self._is_set = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def sleep(self, seconds: float | None) -> None:
        """Sleep until `wake`, or until the timeout."""
        if not self._is_set:
            loop = asyncio.get_running_loop()
            self._sleeper = loop.create_future()
            timer = None if seconds is None else loop.call_later(seconds, self.wake)
            try:
                await self._sleeper
            finally:
                self._sleeper = None
                if timer is not None:
                    timer.cancel()
        self._is_set = False
