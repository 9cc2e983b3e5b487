"""What is noticed of an event loop that stands still."""
from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.app import Application
from api.log_format import JsonFormatter
from api.specfirst.binding.binding import find_function
from api.specfirst.transport.loop_watch import LoopWatch
from tests.specfirst.conftest import ADMIN, Make
from tests.specfirst.responses.test_metrics import measures_of, series
from tests.specfirst.transport.sockets import listening, said, status

WAITS = "wait_for_thing"
SECONDS = 0.4
# A sum of so many numbers takes longer than a stall, in one step that no other thread can get into.
NUMBERS = 30_000_000
TRIES = 5


def _sleep() -> None:
    time.sleep(SECONDS)


def _count() -> None:
    sum(range(NUMBERS))


async def _here(request: Request, work: Callable[[], None]) -> Response:
    work()
    return Response(b'{"echo":1}', media_type="application/json")


async def _in_task(request: Request, work: Callable[[], None]) -> Response:
    return await asyncio.create_task(_here(request, work))


async def _in_thread(request: Request, work: Callable[[], None]) -> Response:
    await asyncio.to_thread(work)
    return Response(b'{"echo":1}', media_type="application/json")


def _application(make: Make, answer: Any, work: Callable[[], None]) -> Application:
    """The application of these tests, with an operation on the loop that does this work."""
    async def wait_for_thing(request: Request, thing_id: int, wait: int = 0) -> Response:
        response: Response = await answer(request, work)
        return response

    return make(find=lambda name: wait_for_thing if name.endswith(f".{WAITS}") else find_function(name))


def _ask(app: Application) -> None:
    """Ask that operation once; when its server has ended, it has counted whatever it noticed."""
    with listening(app) as port:
        # The loop's first rounds, in which a server starts, are none of the request's.
        time.sleep(0.1)
        head = f"GET /api/v1/waits/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {ADMIN}\r\n\r\n"
        assert status(said(port, head.encode())) == 200
        # The loop's next round is the one that notices.
        time.sleep(0.1)


def _stalls(app: Application) -> dict[str, float]:
    return {dict(labels)["operation"]: value for labels, value in series(app, "ci_loop_stalls_total").items()}


@pytest.mark.parametrize("answer", [_here, _in_task])
@pytest.mark.parametrize("work", [_sleep, _count])
def test_an_operation_that_keeps_the_loop_is_logged_and_counted(
        make: Make, answer: Any, work: Callable[[], None], caplog: pytest.LogCaptureFixture) -> None:
    # On a machine that is busy with other things, one stall may look like two, and who watches may come too late to see whose it was.
    records: list[logging.LogRecord] = []
    for _ in range(TRIES):
        # An application serves once.
        app = _application(make, answer, work)
        with caplog.at_level(logging.WARNING):
            _ask(app)
        if records := [record for record in caplog.records if record.name == LoopWatch.__module__ and WAITS in record.getMessage()]:
            break

    assert len(records) >= 1
    assert "stood still" in records[0].getMessage()
    assert json.loads(JsonFormatter().format(records[0]))["operation"] == WAITS
    assert _stalls(app)[WAITS] == len(records)


def test_an_operation_that_works_in_a_thread_keeps_nobody(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    app = _application(make, _in_thread, _sleep)

    with caplog.at_level(logging.WARNING):
        _ask(app)

    # A machine that is busy with other things may have kept the loop for a moment, but not for as long as the work took.
    fields = [record.__dict__["fields"] for record in caplog.records if record.name == LoopWatch.__module__]
    assert [each for each in fields if each["operation"] == WAITS and each["duration_ms"] >= SECONDS * 1000] == []


def test_a_stall_of_no_request_is_none_of_an_operation(make: Make) -> None:
    app = make()
    watch = LoopWatch(measures_of(app))

    async def stall() -> None:
        async with watch.running():
            await asyncio.sleep(0.1)
            time.sleep(SECONDS)
            await asyncio.sleep(0.1)

    asyncio.run(stall())

    assert "none" in _stalls(app)
    assert WAITS not in _stalls(app)


def test_what_stands_for_long_is_told_before_it_ends(make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.specfirst.transport.loop_watch._LONG_SECONDS", 0.2)
    watch = LoopWatch(measures_of(make()))

    async def stall() -> list[str]:
        async with watch.running():
            await asyncio.sleep(0.1)
            time.sleep(1.0)
            return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    with caplog.at_level(logging.WARNING):
        told = asyncio.run(stall())

    assert len(told) == 1
    assert "has stood still" in told[0]


def test_a_loop_keeps_its_own_way_of_making_tasks_when_nobody_watches_any_more(make: Make) -> None:
    async def factories() -> tuple[Any, Any]:
        before = asyncio.get_running_loop().get_task_factory()
        async with LoopWatch(measures_of(make())).running():
            await asyncio.create_task(asyncio.sleep(0))
        return before, asyncio.get_running_loop().get_task_factory()

    before, after = asyncio.run(factories())

    assert before is after
