"""Checks that a file named by its SHA-256 has that content; each version is hashed once."""
from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock

from api.storage.files.backends import LOCAL, Backend, Stat
from api.storage.files.paths import digest_in

REMEMBERED = 50_000
PIECE = 4 << 20


class Integrity:
    """Remembers what was hashed, by name and version, for the process's life.

    A file on the disk is hashed before its first byte is served. One in the bucket is hashed when it is read whole, and not
    before: reading it twice would cost more than it protects from, since the bucket checks by itself that it stores what it
    was sent.
    """

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._known: OrderedDict[tuple[str, str], bool] = OrderedDict()
        self._lock = Lock()

    def is_sound(self, name: str, found: Stat, store: Backend, *, at_most: int | None = None) -> bool:
        """Whether the file may be served, as far as can be told. Raises OSError where it cannot be read.

        One that is larger than `at_most` bytes is not hashed for this alone: it is sound until it is known not to be.
        """
        wanted = digest_in(name)
        if wanted is None:
            return True
        known = self._recall(name, found.version)
        if known is None and store.name == LOCAL and (at_most is None or found.size <= at_most):
            known = _digest(name, found.size, store) == wanted
            self._remember(name, found.version, known)
        return known is not False

    def record_sound(self, name: str, version: str) -> None:
        """Record that a file is sound, since it was hashed on arrival."""
        self._remember(name, version, True)

    def matches(self, name: str, version: str, content: bytes) -> bool:
        """Whether the whole content of a file is what its name says."""
        wanted = digest_in(name)
        if wanted is None:
            return True
        known = self._recall(name, version)
        if known is None:
            known = hashlib.sha256(content).hexdigest() == wanted
            self._remember(name, version, known)
        return known

    def _recall(self, name: str, version: str) -> bool | None:
        with self._lock:
            return self._known.get((name, version))

    def _remember(self, name: str, version: str, sound: bool) -> None:
        with self._lock:
            self._known[name, version] = sound
            while len(self._known) > self._remembered:
                self._known.popitem(last=False)


def _digest(name: str, size: int, store: Backend) -> str:
    hashed = hashlib.sha256()
    for start in range(0, size, PIECE):
        hashed.update(store.read(name, start, min(PIECE, size - start)))
    return hashed.hexdigest()
