"""What scans of whole logs found, kept by the log's version: many pages are asked of a log that changes no more."""
from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

from api.storage.text.log_windows import Readable

Found = TypeVar("Found")
MOST = 64


class KeptScans(Generic[Found]):
    """The little that was found in the logs that were scanned lately; nothing of a log that has no `version`."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Found] = OrderedDict()
        self._lock = Lock()

    def known(self, log: Readable) -> Found | None:
        """What was found in this version of the log; None where it was not scanned lately."""
        version: str | None = getattr(log, "version", None)
        with self._lock:
            if version is None or version not in self._found:
                return None
            self._found.move_to_end(version)
            return self._found[version]

    def keep(self, log: Readable, found: Found) -> Found:
        """Keep what was found in this version of the log, and give it back."""
        version: str | None = getattr(log, "version", None)
        if version is not None:
            with self._lock:
                self._found[version] = found
                while len(self._found) > MOST:
                    self._found.popitem(last=False)
        return found
