"""A call in a daemon thread: who waits for it goes on meanwhile, and the process need not wait for it to end."""
from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def call_in_daemon_thread(work: Callable[[], T], name: str, notify: Callable[[], None] = lambda: None) -> Future[T]:
    """The future answer of `work`, or what it raises. `notify` is called, in its thread, once there is an answer."""
    future: Future[T] = Future()
    future.add_done_callback(lambda _: notify())

    def run() -> None:
        try:
            answer = work()
        # It is raised where the answer is looked at.
        except BaseException as failed:
            future.set_exception(failed)
        else:
            future.set_result(answer)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
