"""What scans of whole logs found, kept by the log's version: many pages are asked of a log that changes no more."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from api.storage.text.log_windows import Readable

Found = TypeVar("Found")
MOST = 512


class KeptScans(Generic[Found]):
    """The little that was found in the logs that were scanned lately; nothing of a log that has no `version`."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, int], Found] = OrderedDict()
        self._lock = Lock()

    def known(self, log: Readable, subject: int) -> Found | None:
        """What the scan for a subject found in this version of the log; None where there was none lately."""
        version: str | None = getattr(log, "version", None)
        with self._lock:
            return None if version is None else self._found.get((version, subject))

    def find(self, log: Readable, subject: int, scan: Callable[[], Found]) -> Found:
        """What the scan for a subject finds in this version of the log."""
        version: str | None = getattr(log, "version", None)
        if version is None:
            return scan()
        key = version, subject
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = scan()
        self.keep(log, subject, found)
        return found

    def keep(self, log: Readable, subject: int, found: Found) -> None:
        """Keep what a scan for a subject found in this version of the log."""
        version: str | None = getattr(log, "version", None)
        if version is None:
            return
        with self._lock:
            self._found[version, subject] = found
            while len(self._found) > MOST:
                self._found.popitem(last=False)
