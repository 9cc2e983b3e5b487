"""Executables that were built on this host before, so that a retry need not build the same again."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from api.host.permissions import PRIVATE
from api.worker.cancellation import Cancellation
from api.worker.sources.executable_fetch import PROGRAM
from api.worker.sources.locks import wait_for

MAX_KEPT = 16
# So many first digits of a build's name say which lock it has: what lies in the folder stays bounded, and hardly two builds share one.
LOCK_DIGITS = 2
LOCK = ".lock"


class BuildCache:
    """The executables in a folder, by all that they were made of; the least recently used are removed when there are too many."""

    def __init__(self, root: Path, *, max_kept: int = MAX_KEPT) -> None:
        self._root, self._max_kept = root, max_kept

    @contextmanager
    def locked(
        self, made_of: tuple[str, ...], cancellation: Cancellation, on_wait: Callable[[], None] = lambda: None,
    ) -> Iterator[None]:
        """Hold what is made of these, so that it is built here once at a time. Raises Cancelled while waiting.

        `on_wait` is called where another holds it. A host that cannot keep anything has no locks either.
        """
        lock = None
        with suppress(OSError):
            PRIVATE.make_folder(self._root)
            lock = PRIVATE.open(self._root / f"{self._place(made_of).name[:LOCK_DIGITS]}{LOCK}", os.O_RDWR)
        try:
            if lock is not None:
                wait_for(lock, cancellation, on_wait)
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def take(self, made_of: tuple[str, ...], target: Path) -> bool:
        """Copy what was built of these to `target`, a new file; False where it was not built here, or is kept no longer."""
        place = self._place(made_of)
        try:
            os.utime(place)
            shutil.copyfile(place, target)
        except OSError:
            target.unlink(missing_ok=True)
            return False
        target.chmod(PROGRAM)
        return True

    def keep(self, made_of: tuple[str, ...], executable: Path) -> None:
        """Keep a copy of what was built. Raises nothing: a host without room for it builds again."""
        new = self._root / f"{uuid4().hex}.new"
        try:
            PRIVATE.make_folder(self._root)
            shutil.copyfile(executable, new)
            new.rename(self._place(made_of))
            self._remove_oldest()
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)

    def _place(self, made_of: tuple[str, ...]) -> Path:
        return self._root / sha256("\0".join(made_of).encode(errors="surrogateescape")).hexdigest()

    def _remove_oldest(self) -> None:
        # What a killed worker left unfinished ages like the others.
        kept = [path for path in self._root.iterdir() if path.suffix != LOCK]
        for path in sorted(kept, key=lambda each: each.stat().st_mtime)[:-self._max_kept]:
            path.unlink(missing_ok=True)
