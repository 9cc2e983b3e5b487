"""Waits for a lock on a file that workers of this host share."""
from __future__ import annotations

import fcntl
import time
from contextlib import suppress

from api.worker.cancellation import Cancellation

LOCK_PAUSE = 0.1


def wait_for(lock: int, cancellation: Cancellation) -> None:
    """Lock an open file; it is unlocked when it is closed. Raises Cancelled while waiting."""
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        cancellation.check()
        time.sleep(LOCK_PAUSE)
