"""The temporary folder of a run, which is removed even when its worker was killed."""
from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.storage.permissions import PRIVATE

PREFIX = "ci-run-"
LOCK = ".lock"


@contextmanager
def run_folder(parent: Path, run_id: int) -> Iterator[Path]:
    """An empty folder for a run, locked while the context lasts."""
    PRIVATE.make_folder(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{run_id}-", dir=parent)).resolve()
    unlocked = folder / f"{LOCK}-new"
    lock = PRIVATE.open(unlocked, os.O_RDWR)
    try:
        # The lock file gets its name only once it is locked, so that no other worker takes this folder for an orphan.
        fcntl.flock(lock, fcntl.LOCK_EX)
        unlocked.rename(folder / LOCK)
        yield folder
    finally:
        remove(folder)
        os.close(lock)


def sweep(parent: Path) -> int:
    """Remove the folders of dead workers, whose lock is free; return their number."""
    removed = 0
    for folder in parent.glob(f"{PREFIX}*"):
        removed += _remove_if_left(folder)
    return removed


def remove(folder: Path) -> None:
    """Remove a folder, even if a program under test has removed its permissions; links are not followed."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _give_rights(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        # A folder without a lock is just being made, or just being removed, by its worker.
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(folder)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(lock)


def _give_rights(folder: Path) -> None:
    folder.chmod(stat.S_IRWXU)
    for place, names, _ in os.walk(folder):
        for name in names:
            inner = Path(place, name)
            if not inner.is_symlink():
                inner.chmod(stat.S_IRWXU)
