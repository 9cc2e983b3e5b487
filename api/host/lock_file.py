"""Lock files. The kernel releases the lock when its holder ends, however it ends."""
from __future__ import annotations

import fcntl
import os
from pathlib import Path

from api.storage.permissions import PRIVATE


def try_lock(path: Path) -> int | None:
    """Lock a file, which is made if need be, and return the descriptor that holds the lock; None where another holds it."""
    lock = PRIVATE.open(path, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return lock
