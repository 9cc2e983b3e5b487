"""One client of a job's stream, with a task that exists only while there is something to send."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from starlette.types import Receive, Send

from api.domain.jobs.event_stream import PING, Frame, StreamPlace
from api.streaming.shared_tail import Gap


class ClientDisconnected(Exception):
    """The client has disconnected, which is no error."""


class Source(Protocol):
    """The source of a subscriber's log."""

    def next_for(self, subscriber: Subscriber) -> Frame | Gap | None:
        """The next frame, or the gap to read first; None where there is nothing new. May call `enqueue` and `end`."""
        ...

    async def read(self, gap: Gap) -> Frame | None:
        """Read a part for one subscriber alone."""
        ...


class Subscriber:
    """A client at its position in a job's log. A slow client blocks only its own task."""

    __slots__ = ("_outbox", "_send", "_source", "_task", "failed", "is_finished", "place", "subject", "timer")

    def __init__(self, source: Source, subject: Any, place: StreamPlace, send: Send, failed: Callable[[Exception], None]) -> None:
        self._source, self._send, self.failed = source, send, failed
        self.subject, self.place = subject, place
        self.is_finished = False
        self.timer: asyncio.TimerHandle | None = None
        self._outbox: list[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Start sending, unless that is under way."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def enqueue(self, *events: bytes) -> None:
        """Send events ahead of the log."""
        self._outbox = [*(self._outbox or ()), *events]
        self.wake()

    def ping(self) -> None:
        """Send a ping, unless something else is being sent."""
        if self._task is None and not self.is_finished:
            self.enqueue(PING)

    def end(self) -> None:
        """End the stream after the enqueued events."""
        if not self.is_finished:
            self.is_finished = True
            self.wake()

    def leave(self) -> None:
        """Stop sending: the client is gone."""
        self.is_finished = True
        if self.timer is not None:
            self.timer.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            with suppress(ClientDisconnected):
                await self._send_all()
        # The server's own task raises it, where the crash handler meets it.
        except Exception as broken:
            self.failed(broken)

    async def _send_all(self) -> None:
        while True:
            if self._outbox is not None:
                await write(self._send, self._take_outbox())
            elif self.is_finished:
                await write(self._send, b"", more=False)
                return
            elif (found := self._source.next_for(self)) is not None:
                await self._advance(found)
            elif self._outbox is None and not self.is_finished:
                self._task = None
                return

    async def _advance(self, found: Frame | Gap) -> None:
        frame = await self._source.read(found) if isinstance(found, Gap) else found
        if frame is None:
            # The log was deleted meanwhile; the shared frames come next.
            assert isinstance(found, Gap)
            self.place = StreamPlace(found.place.attempt, found.limit)
            return
        self.place = StreamPlace(self.place.attempt, frame.end)
        await write(self._send, frame.event)

    def _take_outbox(self) -> bytes:
        events, self._outbox = self._outbox, None
        return b"".join(events or ())


async def write(send: Send, body: bytes, *, more: bool = True) -> None:
    """Send a part of a stream, or with `more` false its last one. Raises ClientDisconnected."""
    try:
        await send({"type": "http.response.body", "body": body, "more_body": more})
    except OSError as gone:
        raise ClientDisconnected from gone


class ServerTask:
    """The server's task behind a stream, which only waits for the client to disconnect."""

    __slots__ = ("_failure", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._failure: Exception | None = None

    def fail(self, broken: Exception) -> None:
        """Break the wait, since the stream is broken."""
        self._failure = broken
        if self._task is not None:
            self._task.cancel()

    async def wait(self, receive: Receive) -> None:
        """Wait until the client disconnects or has got all. Raises what the stream is broken by."""
        try:
            # The server sends this message also when the response is complete.
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if self._failure is not None:
                raise self._failure from None
            raise
