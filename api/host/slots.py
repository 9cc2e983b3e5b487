"""The slots of a host: each has a user id of its own, and is locked by the process that runs something in it."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from api.host.lock_file import try_lock
from api.host.permissions import PRIVATE

# Above the ids that systems and containers assign, and below 2^31, which some programs read as negative.
FIRST_USER = 1_900_000_000


@dataclass(frozen=True, slots=True)
class Slot:
    """A taken slot; it is free once every process with the descriptor `lock` has closed it.

    `user_id` is None where this process may not become another user.
    """

    number: int
    user_id: int | None
    lock: int

    def release(self) -> None:
        """Close this process's descriptor; a supervisor with the descriptor still holds the slot."""
        with suppress(OSError):
            os.close(self.lock)


class Slots:
    """Slots of a host, from number `first` on, by lock files in a folder on the host's own disk."""

    def __init__(self, folder: Path, *, count: int, first: int = 0, first_user: int = FIRST_USER) -> None:
        self._folder, self._numbers, self._first_user = folder, range(first, first + count), first_user

    def take(self) -> Slot | None:
        """Take a free slot; None where there is none."""
        PRIVATE.make_folder(self._folder)
        for number in self._numbers:
            lock = try_lock(self._folder / f"slot-{number}")
            if lock is not None:
                return Slot(number, self._first_user + number if os.geteuid() == 0 else None, lock)
        return None

    @contextmanager
    def acquire(self) -> Iterator[Slot | None]:
        """`take` as a context, which releases the slot."""
        slot = self.take()
        try:
            yield slot
        finally:
            if slot is not None:
                slot.release()
