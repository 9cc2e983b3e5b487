"""Looks into the database for tokens: shared by requests that wait for the same one, and never older than a request."""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.domain.auth.access import Caller, Role
from api.specfirst.access.token_lookups import TokenLookups

CALLER = Caller(1, "A", None, Role.TESTER, frozenset(), 1)


class Threads:
    """Threads that begin nothing before they are told to, and end nothing before they are told that too."""

    def __init__(self) -> None:
        self.begin, self.end = asyncio.Event(), asyncio.Event()

    async def __call__(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do the work when it is time."""
        await self.begin.wait()
        found = work(*args, **kwargs)
        await self.end.wait()
        return found


class Accounts:
    """Counts the looks."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.found: Caller | None = CALLER

    def __call__(self, token: str) -> Caller | None:
        """The caller as of now."""
        self.looks.append(token)
        return self.found


async def _settled(rounds: int = 10) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


def test_requests_that_wait_with_the_same_token_share_a_look() -> None:
    async def ask() -> list[Caller | None]:
        asked = asyncio.gather(*(lookups.find(token) for token in ("a", "b", "a", "a")))
        await _settled()
        threads.begin.set()
        threads.end.set()
        return await asked

    accounts, threads = Accounts(), Threads()
    lookups = TokenLookups(accounts, threads)

    found = asyncio.run(ask())

    assert sorted(accounts.looks) == ["a", "b"]
    assert found == [CALLER] * 4


def test_a_request_never_joins_a_look_that_has_begun() -> None:
    async def ask() -> list[Caller | None]:
        first = asyncio.ensure_future(lookups.find("a"))
        threads.begin.set()
        await _settled()
        accounts.found = None
        second = asyncio.ensure_future(lookups.find("a"))
        await _settled()
        threads.end.set()
        return [await first, await second]

    accounts, threads = Accounts(), Threads()
    lookups = TokenLookups(accounts, threads)

    found = asyncio.run(ask())

    assert found == [CALLER, None]


def test_a_request_that_is_given_up_leaves_the_others_their_look() -> None:
    async def ask() -> Caller | None:
        first, second = (asyncio.ensure_future(lookups.find("a")) for _ in range(2))
        await _settled()
        first.cancel()
        await _settled()
        threads.begin.set()
        threads.end.set()
        return await second

    accounts, threads = Accounts(), Threads()
    lookups = TokenLookups(accounts, threads)

    assert asyncio.run(ask()) == CALLER


def test_a_look_that_could_not_begin_is_not_joined_any_more() -> None:
    class Busy(Threads):
        refuses = True

        async def __call__(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if self.refuses:
                raise RuntimeError("no thread")
            return work(*args, **kwargs)

    async def ask() -> Caller | None:
        with pytest.raises(RuntimeError, match="no thread"):
            await lookups.find("a")
        threads.refuses = False
        return await lookups.find("a")

    threads = Busy()
    lookups = TokenLookups(Accounts(), threads)

    assert asyncio.run(ask()) == CALLER
