"""Closes streams on SIGTERM, before the server waits for its connections."""
from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the running loop when the process gets a stop signal; the server's own handler is called too.

    ASGI offers no event for this: the lifespan ends only after all connections are closed. Outside of the main thread this does
    nothing, since no server handles signals there.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    # A signal without a handler ends the process anyway.
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is on_signal:
                signal.signal(number, before[number])
