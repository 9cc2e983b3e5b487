"""Smaller stand-ins for what uvicorn keeps for each connection, since most connections of a stream do nothing but wait."""
from __future__ import annotations

import asyncio
from typing import Any, Literal

from uvicorn.protocols.http.flow_control import FlowControl


class SmallEvent:
    """An `asyncio.Event` that takes no room for waiters while there are none."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake those who wait."""
        self._is_set = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        """Let those who come wait again."""
        self._is_set = False

    async def wait(self) -> Literal[True]:
        """Wait until it is set."""
        if not self._is_set:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters = [*(self._waiters or ()), waiter]
            try:
                await waiter
            finally:
                self._waiters = [each for each in self._waiters or () if each is not waiter] or None
        return True


class SmallFlowControl(FlowControl):
    """uvicorn's pauses of a connection's reading and writing."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = self.write_paused = False
        self._is_writable_event: Any = SmallEvent()
        self._is_writable_event.set()


class SmallQueue(list[Any]):
    """The requests that wait for their turn on a connection, as a queue of the one method that uvicorn adds by."""

    __slots__ = ()

    def appendleft(self, waiting: Any) -> None:
        """Add one; `pop` takes the one that was added first."""
        self.insert(0, waiting)
