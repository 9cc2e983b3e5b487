"""Checks the tokens of open streams again every few seconds, and ends streams whose token has lost its rights."""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context

from api.domain.auth.access import Caller, may_go_on
from api.specfirst import request_context
from api.specfirst.request_context import LookAgain
from api.supervision.supervision import Supervise, Supervision, run_forever

LOOK_EVERY = LONGEST_PAUSE = 5.0


class Shown:
    """A token that streams were opened with, and how each of them is ended."""

    __slots__ = ("look", "streams")

    def __init__(self, look: LookAgain) -> None:
        self.look = look
        self.streams: dict[object, tuple[Caller, Callable[[], None]]] = {}

    def judge(self, found: Caller | None) -> None:
        """End the streams that the caller, as found now, may not go on with."""
        for caller, end in tuple(self.streams.values()):
            if not may_go_on(caller, found):
                end()


class Reauthorization:
    """Looks up the tokens of all open streams every few seconds, each once, however many streams it has. On the event loop only."""

    def __init__(self, *, look_every: float = LOOK_EVERY, supervise: Supervise = Supervision) -> None:
        self.look_every = look_every
        self._supervision = supervise("reauthorization", longest_pause=LONGEST_PAUSE)
        self._shown: dict[int, Shown] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def held(self, caller: Caller, look: LookAgain, end: Callable[[], None]) -> Iterator[None]:
        """Call `end`, perhaps more than once, when the caller may no longer have what lasts as long as the context does."""
        stream = object()
        self._shown.setdefault(caller.token_id, Shown(look)).streams[stream] = caller, end
        if self._task is None or self._task.done():
            # In a context of its own, or it would keep alive the request that happened to be the first.
            self._task = asyncio.get_running_loop().create_task(
                run_forever(self._supervision, self._rest, self._watch), context=Context())
        try:
            yield
        finally:
            self._forget(caller.token_id, stream)

    def _forget(self, token_id: int, stream: object) -> None:
        shown = self._shown[token_id]
        del shown.streams[stream]
        if not shown.streams:
            del self._shown[token_id]
        if not self._shown and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _rest(self) -> None:
        await asyncio.sleep(self.look_every)

    async def _watch(self) -> None:
        # One after the other: nobody waits for it, and others wait for the database.
        for shown in tuple(self._shown.values()):
            [found] = await asyncio.gather(shown.look(), return_exceptions=True)
            # A look that failed tells nothing.
            if not isinstance(found, BaseException):
                shown.judge(found)


def permitted_until(end: Callable[[], None]) -> AbstractContextManager[None]:
    """Call `end` when the caller of this request may no longer have the answer, which lasts as long as the context does."""
    look = request_context.look_again()
    # Who asks from this machine without a token has none to lose.
    return nullcontext() if look is None else request_context.collaborator(Reauthorization).held(request_context.caller(), look, end)
