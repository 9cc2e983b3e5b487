"""Bodies that come slowly, or never to an end."""
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message

from api.app import Application
from api.specfirst.responses.error_responses import HttpProblem
from api.specfirst.transport.slow_body_timeout import MIN_PACE, with_body_timeout
from api.specfirst.validation import bodies
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN

TIMEOUT = 0.1
BYTE: Message = {"type": "http.request", "body": b"x", "more_body": True}
END: Message = {"type": "http.request", "body": b"", "more_body": False}
LEFT: Message = {"type": "http.disconnect"}

Come = Callable[[], Awaitable[Message]]


def coming(*messages: Message, after: float = 0) -> Come:
    """A sender that says one after the other, each after so many seconds, and then nothing any more."""
    remaining = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(after if remaining else 3600)
        return remaining.pop(0)

    return receive


async def taken(come: Come, count: int, *, pause: float = 0) -> list[Message]:
    """What a server takes of it that needs so many seconds for each."""
    receive = with_body_timeout(come, TIMEOUT)
    found = []
    for _ in range(count):
        found.append(await receive())
        await asyncio.sleep(pause)
    return found


def test_a_sender_that_falls_silent_is_refused() -> None:
    with pytest.raises(HttpProblem) as refused:
        asyncio.run(taken(coming(BYTE, BYTE), 3))

    assert (refused.value.status, refused.value.code, refused.value.details) == (408, "request_timeout", {"seconds": TIMEOUT})


def test_a_sender_of_next_to_nothing_is_refused_though_it_is_never_silent() -> None:
    with pytest.raises(HttpProblem):
        asyncio.run(taken(coming(*[BYTE] * 1000, after=TIMEOUT / 5), 1000))


def test_what_comes_pays_for_the_time_that_it_takes() -> None:
    part: Message = {**BYTE, "body": b"x" * MIN_PACE}

    assert len(asyncio.run(taken(coming(*[part] * 10, after=TIMEOUT / 5), 10))) == 10


def test_the_servers_own_time_does_not_count() -> None:
    assert asyncio.run(taken(coming(BYTE, BYTE, END), 3, pause=2 * TIMEOUT)) == [BYTE, BYTE, END]


def test_after_the_body_its_sender_may_be_silent() -> None:
    assert asyncio.run(taken(coming(END, LEFT, after=TIMEOUT / 2), 1)) == [END]

    async def waited() -> Message:
        told = asyncio.Event()

        async def receive() -> Message:
            if told.is_set():
                await asyncio.sleep(3 * TIMEOUT)
                return LEFT
            told.set()
            return END

        receiving = with_body_timeout(receive, TIMEOUT)
        await receiving()
        return await receiving()

    assert asyncio.run(waited()) == LEFT


@pytest.mark.parametrize(("target", "token", "kind"), [
    ("/api/v1/things", ADMIN, "application/json"), (f"/report/7/{RUN_TOKEN}", None, "multipart/form-data; boundary=b")])
def test_half_a_body_is_408_and_ends_the_connection(
    app: Application, target: str, token: str | None, kind: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", TIMEOUT)

    answer = ask(
        app, target, method="POST", token=token, headers=[("content-type", kind)], body=[b"--b\r\n"], stalls=True)

    assert answer.status == 408
    assert answer.header("connection") == "close"
