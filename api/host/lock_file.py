"""Lock files. The system releases a lock when its holder ends, however it ends."""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.host.permissions import PRIVATE
from api.system import try_take

PAUSE = 0.1


def try_lock(path: Path) -> int | None:
    """Lock a file, which is made if need be, and return the descriptor that holds the lock; None where another holds it."""
    descriptor = PRIVATE.open(path, os.O_RDWR)
    try:
        if try_take(descriptor):
            return descriptor
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def take(descriptor: int, pause: Callable[[], None] = lambda: time.sleep(PAUSE)) -> None:
    """Lock an open file, until it is closed. `pause` is called again and again while another holds the lock, and may raise."""
    while not try_take(descriptor):
        pause()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made if need be, while the context lasts."""
    descriptor = PRIVATE.open(path, os.O_RDWR)
    try:
        take(descriptor)
        yield
    finally:
        os.close(descriptor)
