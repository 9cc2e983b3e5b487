"""Closes streams on SIGTERM, before the server waits for its connections."""
from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the running loop when the process gets a signal that its server stops at, which hears it as before.

    A server says so by no event of its own: ASGI's end of the lifespan comes when all connections are closed. Where the loop runs
    in another thread than the main one there is no such server.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    # A signal that nobody handles ends the process anyway.
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in STOPPING:
            if signal.getsignal(number) is on_signal:
                signal.signal(number, before[number])
