"""Looks tokens up; simultaneous requests with the same token share one lookup."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial

from api.domain.auth.access import Caller
from api.specfirst.access.security import Authenticate
from api.specfirst.request_context import InThread


class TokenLookups:
    """Looks up the callers of tokens, in threads.

    A request joins the look of another only while that has not begun: what it learns is never older than itself.
    """

    def __init__(self, authenticate: Authenticate, in_thread: InThread) -> None:
        self._authenticate, self._in_thread = authenticate, in_thread
        self._waiting: dict[str, asyncio.Future[Caller | None]] = {}

    def find(self, token: str) -> Awaitable[Caller | None]:
        """The caller of a token; raises what the lookup raises."""
        look = self._waiting.get(token)
        if look is None:
            look = self._waiting[token] = asyncio.ensure_future(self._in_thread(self._look_up, token))
            look.add_done_callback(partial(self._forget, token))
        # A cancelled request must not cancel the lookup of the others.
        return asyncio.shield(look)

    def _look_up(self, token: str) -> Caller | None:
        self._waiting.pop(token, None)
        return self._authenticate(token)

    def _forget(self, token: str, look: asyncio.Future[Caller | None]) -> None:
        # A lookup that was cancelled before it began must not be joined.
        if self._waiting.get(token) is look:
            del self._waiting[token]
        if not look.cancelled():
            # Without a waiting request, a failure is ignored.
            look.exception()
