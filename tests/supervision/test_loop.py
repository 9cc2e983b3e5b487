"""The loop of background tasks: nothing ends it but the end of its process, and it is never in the way of that."""
from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Event, Semaphore

import pytest

from api.supervision import loop as loop_module
from api.supervision.loop import Background, Task
from tests.background.faults import FAULTS, Monotonic
from tests.builders import NOW

WAIT = 60.0


class Work:
    """Work that raises these by turns, and then succeeds; what it returns each time is None once nothing is left."""

    def __init__(self, *faults: BaseException, left: tuple[object, ...] = ()) -> None:
        self._faults, self._left = list(faults), list(left)
        self.calls = 0
        self.succeeded = Event()

    def __call__(self) -> object:
        self.calls += 1
        if self._faults:
            raise self._faults.pop(0)
        self.succeeded.set()
        return self._left.pop(0) if self._left else None


def background_of(*tasks: Task, monotonic: Callable[[], float] | None = None) -> Background:
    made = Background(clock=lambda: NOW, monotonic=monotonic or Monotonic())
    made.add(tasks)
    return made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_task_goes_on_after_whatever_it_raised_at_its_first_call(fault: BaseException) -> None:
    work = Work(fault)
    background = background_of(Task("sync", work, every=0.001, first_pause=0.001))

    with background.entered():
        assert work.succeeded.wait(WAIT)

    assert (background.states()[0].failures, background.states()[0].failures_in_row) == (1, 0)


def test_failures_in_a_row_are_tried_again_ever_less_often_and_a_success_begins_anew() -> None:
    work = Work(*[OSError()] * 8)
    loop = background_of(Task("sync", work, every=2))._loops[0]

    pauses = [loop.run_once() for _ in range(9)]
    work._faults.append(OSError())
    pauses += [loop.run_once(), loop.run_once()]

    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 2, 2, 2]


def test_a_task_of_a_long_period_is_not_tried_sooner_when_it_fails() -> None:
    loop = background_of(Task("tidying", Work(*[OSError()] * 3), every=600))._loops[0]

    assert [loop.run_once() for _ in range(3)] == [600, 600, 600]


def test_a_task_that_has_more_to_do_goes_on_at_once() -> None:
    loop = background_of(Task("uploader", Work(left=(8, 3)), every=30))._loops[0]

    assert [loop.run_once() for _ in range(3)] == [0, 0, 30]


def test_a_task_that_is_woken_works_without_waiting_for_its_period() -> None:
    wake, work = Event(), Work()
    with background_of(Task("uploader", work, every=3600, wake=wake)).entered():
        assert work.succeeded.wait(WAIT)
        work.succeeded.clear()
        wake.set()

        assert work.succeeded.wait(WAIT)


def test_a_task_that_fails_does_not_spin_however_often_it_is_woken() -> None:
    wake, failed = Event(), Event()
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        wake.set()
        failed.set()
        raise OSError

    with background_of(Task("uploader", work, every=3600, wake=wake)).entered():
        assert failed.wait(WAIT)

    assert len(calls) == 1


def test_all_threads_have_ended_when_the_process_is_to_stop_and_each_task_was_closed() -> None:
    closed: list[str] = []
    tasks = [Task(name, Work(), every=3600, wake=wake, close=lambda name=name: closed.append(name)) for name, wake in (
        ("one", None), ("two", Event()), ("three", None))]
    background = background_of(*tasks)

    with background.entered():
        assert all(task.work.succeeded.wait(WAIT) for task in tasks)  # type: ignore[attr-defined]

    assert [loop._thread is not None and loop._thread.is_alive() for loop in background._loops] == [False] * 3
    assert sorted(closed) == ["one", "three", "two"]


def test_a_task_that_cannot_be_closed_keeps_no_other_from_it() -> None:
    def fail() -> None:
        raise OSError

    closed = Event()
    with background_of(Task("one", Work(), every=3600, close=fail), Task("two", Work(), every=3600, close=closed.set)).entered():
        pass

    assert closed.is_set()


def test_a_task_that_hangs_neither_holds_up_the_others_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "SHUTDOWN_SECONDS", 0.05)
    over, other = Event(), Work()

    def hang() -> None:
        over.wait(WAIT)

    background = background_of(Task("hanging", hang, every=1), Task("other", other, every=3600))
    with background.entered():
        assert other.succeeded.wait(WAIT)
    alive = [each.name for each in threading.enumerate() if each.name in ("hanging", "other")]
    over.set()

    assert alive == ["hanging"]
    background._loops[0].join(WAIT)


def test_a_thread_that_hung_when_its_loop_ended_does_not_go_on_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "SHUTDOWN_SECONDS", 0.05)
    over, called, calls = Event(), Semaphore(0), []

    def work() -> None:
        calls.append(threading.current_thread())
        called.release()
        over.wait(WAIT)

    background = background_of(Task("sync", work, every=3600))
    for _ in range(2):
        with background.entered():
            assert called.acquire(timeout=WAIT)
    over.set()
    for thread in calls:
        thread.join(WAIT)

    assert len(calls) == len(set(calls)) == 2


def test_each_task_tells_its_last_success_its_failures_and_its_age() -> None:
    monotonic = Monotonic()
    good, bad = Work(), Work(*[OSError()] * 2)
    background = background_of(Task("good", good, every=30), Task("bad", bad, every=30), monotonic=monotonic)
    for loop in background._loops:
        monotonic.seconds += 5
        loop.run_once()
    background._loops[1].run_once()
    monotonic.seconds += 20

    states = background.states()

    assert [(each.name, each.age, each.last_success_at, each.failures, each.failures_in_row) for each in states] == [
        ("good", 25, NOW, 0, 0), ("bad", 30, None, 2, 2)]
    assert [each.is_overdue for each in states] == [False, False]


def test_a_task_is_overdue_once_it_has_failed_for_several_of_its_periods_and_no_longer_after_a_success() -> None:
    monotonic = Monotonic()
    background = background_of(Task("sync", Work(*[OSError()] * 2), every=30), monotonic=monotonic)
    seen = []
    for seconds in (0, 90, 1):
        monotonic.seconds += seconds
        seen.append(background.states()[0].is_overdue)
        background._loops[0].run_once()

    assert [*seen, background.states()[0].is_overdue] == [False, False, True, False]


def test_a_task_that_hangs_is_overdue_by_its_age() -> None:
    monotonic, begun, over = Monotonic(), Event(), Event()

    def hang() -> None:
        begun.set()
        over.wait(WAIT)

    background = background_of(Task("sync", hang, every=2), monotonic=monotonic)
    with background.entered():
        assert begun.wait(WAIT)
        monotonic.seconds += 61
        found, = background.states()
        over.set()

    assert (found.age, found.failures, found.is_overdue) == (61, 0, True)


def test_a_task_whose_thread_is_gone_is_overdue_too() -> None:
    monotonic = Monotonic()
    background = background_of(Task("sync", Work(), every=30), monotonic=monotonic)
    background._loops[0].run_once()
    monotonic.seconds += 121

    assert background.states()[0].is_overdue


def test_a_task_whose_work_may_take_long_says_when_it_is_overdue() -> None:
    monotonic, begun, over = Monotonic(), Event(), Event()

    def send() -> None:
        begun.set()
        over.wait(WAIT)

    background = background_of(Task("uploader", send, every=30, overdue=900), monotonic=monotonic)
    with background.entered():
        assert begun.wait(WAIT)
        monotonic.seconds += 899
        before = background.states()[0].is_overdue
        monotonic.seconds += 32
        after = background.states()[0].is_overdue
        over.set()

    assert (before, after) == (False, True)
