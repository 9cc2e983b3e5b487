"""Waits for a lock on a file that workers of this host share."""
from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from contextlib import suppress

from api.worker.cancellation import Cancellation

LOCK_PAUSE = 0.1


def wait_for(lock: int, cancellation: Cancellation, on_wait: Callable[[], None] = lambda: None) -> None:
    """Lock an open file; it is unlocked when it is closed. `on_wait` is called where another has it. Raises Cancelled while waiting."""
    if _is_taken(lock):
        return
    on_wait()
    while not _is_taken(lock):
        cancellation.check()
        time.sleep(LOCK_PAUSE)


def _is_taken(lock: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
