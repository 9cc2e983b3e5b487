"""One client of a job's stream, with a task that exists only while there is something to send."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from api.domain.jobs.event_stream import PING, Frame, StreamPlace
from api.streaming.shared_tail import Gap

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gone(Exception):
    """The client is gone, which is no fault."""


class Source(Protocol):
    """Where a watcher gets its log from."""

    def next_for(self, subscriber: Subscriber) -> Frame | Gap | None:
        """What comes next, and what has to be read alone first; None where there is nothing. May call `say` and `end`."""
        ...

    async def read(self, gap: Gap) -> Frame | None:
        """Read a piece for one watcher alone."""
        ...


class Subscriber:
    """A client at its place in a job's log. The client's pace holds up its own task, and nobody else's."""

    __slots__ = ("_outbox", "_send", "_source", "_task", "failed", "is_finished", "place", "subject", "timer")

    def __init__(self, source: Source, subject: Any, place: StreamPlace, send: Send, failed: Callable[[BaseException], None]) -> None:
        self._source, self._send, self.failed = source, send, failed
        self.subject, self.place = subject, place
        self.is_finished = False
        self.timer: asyncio.TimerHandle | None = None
        self._outbox: list[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Send what there is to send."""
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    def say(self, *events: bytes) -> None:
        """Send events, before anything else."""
        self._outbox = [*(self._outbox or ()), *events]
        self.wake()

    def ping(self) -> None:
        """Show that the connection lives, unless something waits to be sent anyway."""
        if self._task is None and not self.is_finished:
            self.say(PING)

    def end(self) -> None:
        """End the stream behind what was said."""
        if not self.is_finished:
            self.is_finished = True
            self.wake()

    def leave(self) -> None:
        """Send nothing more: nobody listens."""
        self.is_finished = True
        if self.timer is not None:
            self.timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        try:
            with suppress(Gone):
                await self._send_all()
        except Exception as broken:
            self.failed(broken)

    async def _send_all(self) -> None:
        while True:
            if self._outbox is not None:
                await self._put(self._taken())
            elif self.is_finished:
                await self._put(b"", more=False)
                return
            elif (found := self._source.next_for(self)) is not None:
                await self._advance(found)
            elif self._outbox is None and not self.is_finished:
                self._task = None
                return

    async def _advance(self, found: Frame | Gap) -> None:
        frame = await self._source.read(found) if isinstance(found, Gap) else found
        if frame is None:
            # The log is gone from under the reader; what others still have of it comes next.
            assert isinstance(found, Gap)
            self.place = StreamPlace(found.place.attempt, found.limit)
            return
        self.place = StreamPlace(self.place.attempt, frame.end)
        await self._put(frame.event)

    def _taken(self) -> bytes:
        events, self._outbox = self._outbox, None
        return b"".join(events or ())

    async def _put(self, body: bytes, *, more: bool = True) -> None:
        try:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except OSError as gone:
            raise Gone from gone
