"""Checks the tokens of open streams again every few seconds, and ends streams whose token has lost its rights."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context

from api.domain.auth.access import Caller, has_kept_rights
from api.specfirst import request_context
from api.specfirst.request_context import TokenLookup
from api.supervision.supervision import Supervise, Supervision, run_forever

POLL_INTERVAL = MAX_PAUSE = 5.0


class WatchedStream:
    """A stream that is ended when its caller loses the right to it, while this is entered."""

    __slots__ = ("_reauthorization", "caller", "end", "look_up")

    def __init__(self, reauthorization: Reauthorization, caller: Caller, look_up: TokenLookup | None, end: Callable[[], None]) -> None:
        self._reauthorization, self.caller, self.look_up, self.end = reauthorization, caller, look_up, end

    def __enter__(self) -> None:
        """Watch it; a caller from this machine without a token has none to lose."""
        if self.look_up is not None:
            self._reauthorization.add(self)

    def __exit__(self, *_: object) -> None:
        """Watch it no longer."""
        if self.look_up is not None:
            self._reauthorization.discard(self)


class Reauthorization:
    """Looks up each token with open streams every `interval` seconds. Use it on the event loop."""

    def __init__(self, *, interval: float = POLL_INTERVAL, supervise: Supervise = Supervision) -> None:
        self.interval = interval
        self._supervision = supervise("reauthorization", max_pause=MAX_PAUSE)
        # The streams of each token, as ordered sets.
        self._tokens: dict[str, dict[WatchedStream, None]] = {}
        self._task: asyncio.Task[None] | None = None

    def watched(self, caller: Caller, look_up: TokenLookup, end: Callable[[], None]) -> WatchedStream:
        """A context in which `end` is called, perhaps more than once, when the caller loses the right to the stream."""
        return WatchedStream(self, caller, look_up, end)

    def add(self, stream: WatchedStream) -> None:
        """Watch a stream. What it has in common with another of its token it shares with that."""
        streams = self._tokens.setdefault(stream.caller.counted_as, {})
        first = next(iter(streams), stream)
        stream.look_up = first.look_up
        if first.caller == stream.caller:
            stream.caller = first.caller
        streams[stream] = None
        if self._task is None or self._task.done():
            # In a context of its own, or it would keep the first request alive.
            self._task = asyncio.get_running_loop().create_task(
                run_forever(self._supervision, self._sleep, self._check_all), context=Context())

    def discard(self, stream: WatchedStream) -> None:
        """Watch a stream no longer."""
        streams = self._tokens[stream.caller.counted_as]
        del streams[stream]
        if not streams:
            del self._tokens[stream.caller.counted_as]
        if not self._tokens and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _sleep(self) -> None:
        await asyncio.sleep(self.interval)

    async def _check_all(self) -> None:
        # One at a time, since requests wait for the database too.
        for streams in tuple(self._tokens.values()):
            look_up = next(iter(streams)).look_up
            assert look_up is not None
            [found] = await asyncio.gather(look_up(), return_exceptions=True)
            # A failed lookup says nothing about the token.
            if not isinstance(found, BaseException):
                _end_revoked(streams, found)


def _end_revoked(streams: Iterable[WatchedStream], now: Caller | None) -> None:
    for stream in tuple(streams):
        if not has_kept_rights(stream.caller, now):
            stream.end()


def call_on_revocation(end: Callable[[], None]) -> WatchedStream:
    """A context in which `end` is called when the caller of this request loses the right to its response."""
    return WatchedStream(request_context.collaborator(Reauthorization), request_context.caller(), request_context.token_lookup(), end)


def watched_stream() -> WatchedStream:
    """The same for a stream that is still to be made, whose `end` is set then."""
    return call_on_revocation(_nothing)


def _nothing() -> None:
    """End nothing."""
