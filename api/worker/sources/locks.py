"""Waits for a lock on a file that workers of this host share."""
from __future__ import annotations

import time
from collections.abc import Callable

from api.host.lock_file import PAUSE, take
from api.system import try_take
from api.worker.cancellation import Cancellation


def wait_for(lock: int, cancellation: Cancellation, on_wait: Callable[[], None] = lambda: None) -> None:
    """Lock an open file; it is unlocked when it is closed. `on_wait` is called where another has it. Raises Cancelled while waiting."""
    def pause() -> None:
        cancellation.check()
        time.sleep(PAUSE)

    if not try_take(lock):
        on_wait()
        take(lock, pause)
