"""What was fetched and built for an account's jobs, kept for its next ones."""
from __future__ import annotations

import logging
import os
from pathlib import Path

from api.host.folder_size import is_larger
from api.host.permissions import PRIVATE
from api.host.slots import Slot
from api.host.temporary_folder import remove

log = logging.getLogger(__name__)


class PackageCaches:
    """The caches of one host: a folder for each account and slot, which belongs to the slot's user. Each slot keeps the `most` newest.

    Whoever holds a slot alone uses, empties and removes its caches. One that holds more than `size` bytes is emptied before it is used.
    """

    def __init__(self, root: Path, *, most: int, size: int) -> None:
        self._root, self._most, self._size = root.absolute(), most, size

    def open(self, owner_id: int, slot: Slot) -> Path | None:
        """The cache of an account's jobs in a slot; None where none is kept, or none can be made."""
        if not self._most:
            return None
        place = self._root / str(slot.number) / str(owner_id)
        try:
            PRIVATE.make_folder(place.parent)
            if is_larger(place, self._size):
                remove(place)
            place.mkdir(mode=0o700, exist_ok=True)
            if slot.user_id is not None:
                os.chown(place, slot.user_id, slot.user_id)
            os.utime(place)
            for each in sorted(place.parent.iterdir(), key=lambda cache: cache.stat().st_mtime)[:-self._most]:
                remove(each)
        except OSError as fault:
            log.warning("there is no cache of packages: %s", fault)
            return None
        return place
