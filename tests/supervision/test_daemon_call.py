"""A call in a daemon thread is answered, or fails, where its answer is looked at."""
from __future__ import annotations

import threading

import pytest

from api.supervision.daemon_call import call_in_daemon_thread


def test_the_answer_is_there_when_it_is_told() -> None:
    notified = threading.Event()
    future = call_in_daemon_thread(lambda: 42, "test", notified.set)

    assert notified.wait(5)
    assert future.done() and future.result() == 42


def test_what_it_raises_is_raised_where_the_answer_is_looked_at() -> None:
    def fail() -> int:
        raise SystemExit("whatever it is")

    notified = threading.Event()
    future = call_in_daemon_thread(fail, "test", notified.set)

    assert notified.wait(5)
    with pytest.raises(SystemExit, match="whatever it is"):
        future.result()


def test_who_does_not_wait_goes_on_meanwhile() -> None:
    release, seen = threading.Event(), list[bool]()

    def work() -> bool:
        seen.append(threading.current_thread().daemon)
        return release.wait(5)

    future = call_in_daemon_thread(work, "test")
    assert not future.done()
    release.set()
    assert future.result(5) and seen == [True]
