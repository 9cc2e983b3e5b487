"""Lock files. The kernel releases the lock when its holder ends, however it ends."""
from __future__ import annotations

import fcntl
import os
from pathlib import Path

from api.storage.permissions import PRIVATE


def try_lock(path: Path) -> int | None:
    """Hold the lock of a file, made if need be, by the descriptor that is returned; None where another holds it."""
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
