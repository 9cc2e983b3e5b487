"""Mirrors of repositories on this host, each locked by the process that uses it."""
from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from api.host.permissions import PRIVATE
from api.system import try_take
from api.worker.cancellation import Cancellation
from api.worker.sources.locks import wait_for

MAX_KEPT = 16
MAX_PACKS = 50


class Mirrors:
    """The bare repositories in a folder, by address; the least recently used are removed when there are too many."""

    def __init__(self, root: Path, *, max_kept: int = MAX_KEPT) -> None:
        self._root, self._max_kept = root, max_kept

    @contextmanager
    def locked(self, address: str, cancellation: Cancellation) -> Iterator[Path]:
        """The locked folder of a repository, which may be empty. Raises Cancelled while waiting for the lock."""
        PRIVATE.make_folder(self._root)
        place = self._root / f"{hashlib.sha256(address.encode()).hexdigest()[:32]}.git"
        lock = PRIVATE.open(place.with_suffix(".lock"), os.O_RDWR)
        try:
            wait_for(lock, cancellation)
            os.utime(lock)
            _tidy(place)
            yield place
        finally:
            os.close(lock)
        self._remove_oldest(place)

    def _remove_oldest(self, latest: Path) -> None:
        locks = sorted(self._root.glob("*.lock"), key=_used_at, reverse=True)
        for path in locks[self._max_kept:]:
            if path.with_suffix(".git") != latest:
                _remove_unless_locked(path)


def _tidy(place: Path) -> None:
    """Remove what a killed git has left; the lock keeps others away."""
    if len(list(place.glob("objects/pack/*.pack"))) > MAX_PACKS:
        shutil.rmtree(place)
    for left in (*place.rglob("*.lock"), *place.glob("objects/pack/tmp_*")):
        left.unlink(missing_ok=True)


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0


def _remove_unless_locked(path: Path) -> None:
    """Remove a repository; its lock's file stays, since another process may be waiting for just that."""
    with suppress(OSError), path.open("r+b") as lock:
        if try_take(lock.fileno()):
            shutil.rmtree(path.with_suffix(".git"), ignore_errors=True)
