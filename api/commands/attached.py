"""Ties a child process to its parent: the child reads a pipe that ends when the parent does."""
from __future__ import annotations

import os
import threading
from collections.abc import Callable

STDIN = 0


def when_left(stop: Callable[[], None], *, pipe: int = STDIN) -> None:
    """Call `stop`, in a thread of its own, once the other end of the pipe is closed, however that process ended."""
    def wait() -> None:
        # Not by way of a buffered file: its lock, held by this thread while the interpreter ends, would be fatal.
        while os.read(pipe, 1):
            continue
        stop()

    threading.Thread(target=wait, name="attached", daemon=True).start()
