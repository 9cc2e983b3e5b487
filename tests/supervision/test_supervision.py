"""Supervision: what it says in the log of work that fails, and how it keeps work up on the event loop."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from api.supervision.supervision import LOG_INTERVAL, MAX_TRACED_TYPES, TRACEBACK_INTERVAL, Supervision, run_forever
from tests.background.faults import FAULTS, Monotonic

Lines = Callable[[], list[logging.LogRecord]]
EXITS = (SystemExit, KeyboardInterrupt, GeneratorExit)
SURVIVED = tuple(fault for fault in FAULTS if not isinstance(fault, EXITS))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines of the log until now."""
    caplog.set_level(logging.INFO, "api.supervision")
    return lambda: caplog.records


def fail(supervision: Supervision, fault: BaseException) -> None:
    with supervision.attempt():
        raise fault


def succeed(supervision: Supervision) -> None:
    with supervision.attempt():
        pass


def test_the_first_failure_is_told_with_its_trace_and_the_next_ones_in_a_line_a_minute(lines: Lines) -> None:
    clock = Monotonic()
    supervision = Supervision("sync", monotonic=clock)

    for clock.seconds in range(0, 121):
        fail(supervision, OSError("away"))

    assert [bool(line.exc_info) for line in lines()] == [True, False, False]
    assert "sync failed (OSError), 61 times in a row" in lines()[1].getMessage()
    assert "59 failures before were not told" in lines()[1].getMessage()


def test_another_kind_of_fault_is_told_with_its_trace_too(lines: Lines) -> None:
    supervision = Supervision("sync", monotonic=Monotonic())

    for fault in (OSError(), ValueError(), OSError(), ValueError()):
        fail(supervision, fault)

    assert [(line.exc_info or [None])[0] for line in lines()] == [OSError, ValueError]


def test_a_fault_that_comes_and_goes_floods_no_log(lines: Lines) -> None:
    clock = Monotonic()
    supervision = Supervision("sync", monotonic=clock)

    for clock.seconds in range(int(LOG_INTERVAL)):
        fail(supervision, OSError("away"))
        succeed(supervision)

    assert [line.getMessage().partition(" (")[0] for line in lines()] == ["sync failed", "sync works again, after 1 failures"]


def test_a_trace_is_told_again_after_an_hour(lines: Lines) -> None:
    clock = Monotonic()
    supervision = Supervision("sync", monotonic=clock)
    for clock.seconds in (0.0, TRACEBACK_INTERVAL - 1, TRACEBACK_INTERVAL):
        fail(supervision, OSError("away"))

    assert [bool(line.exc_info) for line in lines()] == [True, False, True]


def test_kinds_of_faults_are_not_remembered_without_end() -> None:
    supervision = Supervision("sync", monotonic=Monotonic())

    for number in range(10 * MAX_TRACED_TYPES):
        fail(supervision, type(f"Fault{number}", (Exception,), {})())

    assert len(supervision._traced) <= MAX_TRACED_TYPES


def test_an_outage_is_told_without_a_trace(lines: Lines) -> None:
    supervision = Supervision("sync", is_outage=lambda raised: isinstance(raised, ConnectionError), monotonic=Monotonic())

    fail(supervision, ConnectionError())

    assert [line.exc_info for line in lines()] == [None]


def test_what_cannot_be_told_of_a_fault_is_no_fault() -> None:
    def broken(raised: BaseException) -> bool:
        raise MemoryError

    supervision = Supervision("sync", is_outage=broken)

    fail(supervision, OSError())

    assert supervision.state().failures == 1


@pytest.mark.parametrize("exit_", [SystemExit(0), KeyboardInterrupt()], ids=lambda raised: type(raised).__name__)
def test_where_work_is_done_on_the_main_thread_the_end_of_the_process_goes_through(exit_: BaseException) -> None:
    with pytest.raises(type(exit_)):
        fail(Supervision("worker"), exit_)


async def nothing() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("fault", SURVIVED, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("where", ["rest", "work"])
def test_work_on_the_event_loop_goes_on_after_whatever_it_raised(fault: BaseException, where: str) -> None:
    async def run() -> int:
        supervision, faults, done = Supervision("states", first_pause=0), [fault], asyncio.Event()

        async def once() -> None:
            await asyncio.sleep(0)
            if faults:
                raise faults.pop() from None
            done.set()

        # What a coroutine may not raise it raises as a RuntimeError, which is survived as well.
        keeping = asyncio.create_task(run_forever(supervision, *((once, nothing) if where == "rest" else (nothing, once))))
        await asyncio.wait_for(done.wait(), 60)
        keeping.cancel()
        await asyncio.wait([keeping])
        assert keeping.cancelled()
        return supervision.state().failures

    assert asyncio.run(run()) == 1


def test_resting_on_the_event_loop_is_never_overdue_and_hanging_work_is() -> None:
    async def run() -> list[bool]:
        clock, seen = Monotonic(), []
        for wait, work in ((asyncio.Event(), None), (None, asyncio.Event())):
            supervision = Supervision("states", monotonic=clock)
            keeping = asyncio.create_task(run_forever(supervision, wait.wait if wait else nothing, work.wait if work else nothing))
            for _ in range(9):
                await asyncio.sleep(0)
            clock.seconds += 10_000
            seen.append(supervision.state().is_overdue)
            keeping.cancel()
            await asyncio.wait([keeping])
            seen.append(supervision.state().is_overdue)
        return seen

    assert asyncio.run(run()) == [False, False, True, False]
