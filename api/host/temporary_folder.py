"""The temporary folder of a run, which is removed even when its worker was killed."""
from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.host.lock_file import locked, take
from api.host.permissions import PRIVATE
from api.system import try_take

PREFIX = "ci-run-"
LOCK = ".lock"


@contextmanager
def run_folder(parent: Path, run_id: int) -> Iterator[Path]:
    """An empty folder for a run, locked while the context lasts."""
    PRIVATE.make_folder(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{run_id}-", dir=parent)).resolve()
    # Meanwhile nobody looks for orphans, of which this folder is not one.
    with locked(_sweepers_lock(parent)):
        lock = PRIVATE.open(folder / LOCK, os.O_RDWR)
        take(lock)
    try:
        yield folder
    finally:
        remove(folder)
        os.close(lock)
        # Windows removes no file that is open.
        remove(folder)


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
    with locked(_sweepers_lock(folder.parent)):
        try:
            lock = os.open(folder / LOCK, os.O_RDWR)
        except OSError:
            # A folder without a lock is just being made, or just being removed, by its worker.
            return False
        is_left = try_take(lock)
    try:
        if is_left:
            remove(folder)
    finally:
        os.close(lock)
    if is_left:
        remove(folder)
    return is_left


def _sweepers_lock(parent: Path) -> Path:
    """The lock of who makes or looks for folders in `parent`, which lies beside that."""
    return parent.with_name(f"{parent.name}{LOCK}")


def _give_rights(folder: Path) -> None:
    folder.chmod(stat.S_IRWXU)
    for place, names, _ in os.walk(folder):
        for name in names:
            inner = Path(place, name)
            if not inner.is_symlink():
                inner.chmod(stat.S_IRWXU)
