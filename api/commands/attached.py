"""Ends a child process with its parent. The child reads a pipe that is closed when the parent ends."""
from __future__ import annotations

import os
import threading
from collections.abc import Callable

STDIN = 0


def when_left(stop: Callable[[], None], *, pipe: int = STDIN, noted: Callable[[], None] = lambda: None) -> None:
    """Start a thread that calls `stop` when the other end of the pipe is closed. That happens even if the parent was killed.

    `noted` is called when something is written there.
    """
    def wait() -> None:
        # Not by way of a buffered file: its lock, held by this thread while the interpreter ends, would be fatal.
        while os.read(pipe, 1):
            noted()
        stop()

    threading.Thread(target=wait, name="attached", daemon=True).start()
