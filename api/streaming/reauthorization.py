"""Checks the tokens of open streams again every few seconds, and ends streams whose token has lost its rights."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context

from api.domain.auth.access import Caller, has_kept_rights
from api.specfirst import request_context
from api.specfirst.request_context import TokenLookup
from api.supervision.supervision import Supervise, Supervision, run_forever

POLL_INTERVAL = MAX_PAUSE = 5.0


class TokenStreams:
    """The open streams of one token, and how each is ended."""

    __slots__ = ("look_up", "streams")

    def __init__(self, look_up: TokenLookup) -> None:
        self.look_up = look_up
        self.streams: dict[object, tuple[Caller, Callable[[], None]]] = {}

    def check(self, found: Caller | None) -> None:
        """End the streams that the caller has no right to any more; `found` is the caller now."""
        for caller, end in tuple(self.streams.values()):
            if not has_kept_rights(caller, found):
                end()


class Reauthorization:
    """Looks up each token with open streams every `interval` seconds. Use it on the event loop."""

    def __init__(self, *, interval: float = POLL_INTERVAL, supervise: Supervise = Supervision) -> None:
        self.interval = interval
        self._supervision = supervise("reauthorization", max_pause=MAX_PAUSE)
        self._tokens: dict[int, TokenStreams] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watched(self, caller: Caller, look_up: TokenLookup, end: Callable[[], None]) -> Iterator[None]:
        """While the context lasts, call `end`, perhaps more than once, when the caller loses the right to the stream."""
        stream = object()
        self._tokens.setdefault(caller.token_id, TokenStreams(look_up)).streams[stream] = caller, end
        if self._task is None or self._task.done():
            # In a context of its own, or it would keep the first request alive.
            self._task = asyncio.get_running_loop().create_task(
                run_forever(self._supervision, self._sleep, self._check_all), context=Context())
        try:
            yield
        finally:
            self._forget(caller.token_id, stream)

    def _forget(self, token_id: int, stream: object) -> None:
        token_streams = self._tokens[token_id]
        del token_streams.streams[stream]
        if not token_streams.streams:
            del self._tokens[token_id]
        if not self._tokens and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _sleep(self) -> None:
        await asyncio.sleep(self.interval)

    async def _check_all(self) -> None:
        # One at a time, since requests wait for the database too.
        for token_streams in tuple(self._tokens.values()):
            [found] = await asyncio.gather(token_streams.look_up(), return_exceptions=True)
            # A failed lookup says nothing about the token.
            if not isinstance(found, BaseException):
                token_streams.check(found)


def call_on_revocation(end: Callable[[], None]) -> AbstractContextManager[None]:
    """While the context lasts, call `end` when the caller of this request loses the right to its response."""
    look_up = request_context.token_lookup()
    # A caller from this machine without a token has none to lose.
    if look_up is None:
        return nullcontext()
    return request_context.collaborator(Reauthorization).watched(request_context.caller(), look_up, end)
