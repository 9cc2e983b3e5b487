"""Repairs disk and bucket: copies what one lacks from the other, and replaces damaged files."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from api.storage.files.backends import REPAIRED, Backend, LocalBackend, Stat
from api.storage.files.paths import digest_in

THREADS = 16
PIECE = 8 << 20


class Finding(StrEnum):
    """How a file was found, which is also what is done about it."""

    ALIKE = "alike"
    SENT = "sent"
    FETCHED = "fetched"
    DAMAGED = "damaged"
    ABSENT = "absent"


@dataclass(frozen=True)
class Repair:
    """Two stores and what may be done to them.

    `dry` only tells; without `fetch` nothing comes to the disk; `thorough` reads both copies where their sizes are equal.
    """

    local: LocalBackend
    bucket: Backend
    scratch: Path
    dry: bool = False
    fetch: bool = True
    thorough: bool = False

    def repair(self, names: Iterable[str]) -> Iterator[tuple[str, Finding]]:
        """Repair these files side by side; each with how it was found. Raises OSError where a store does not answer."""
        with ThreadPoolExecutor(THREADS) as threads:
            wanted = list(names)
            yield from zip(wanted, threads.map(self._repair, wanted), strict=True)

    def _repair(self, name: str) -> Finding:
        here, there = self.local.stat(name), self.bucket.stat(name)
        if here is None and there is None:
            return Finding.ABSENT
        if here is not None and there is not None and self._are_alike(name, here, there):
            return Finding.ALIKE
        # The disk is where files arrive, so it has the newer one, unless its content is not what the name says.
        if here is not None and _is_sound(name, here, self.local):
            return self._send(name)
        return self._fetch(name, there) if there is not None else Finding.DAMAGED

    def _are_alike(self, name: str, here: Stat, there: Stat) -> bool:
        if here.size != there.size or not self.thorough:
            return here.size == there.size
        mine = _digest(name, here, self.local)
        return digest_in(name) in (None, mine) and mine == _digest(name, there, self.bucket)

    def _send(self, name: str) -> Finding:
        if not self.dry:
            self.bucket.put(name, self.local.path(name))
        return Finding.SENT

    def _fetch(self, name: str, there: Stat) -> Finding:
        if not self.fetch:
            return Finding.ALIKE
        with self._copied(name, there) as (copy, digest):
            if digest_in(name) not in (None, digest):
                return Finding.DAMAGED
            if not self.dry:
                self.local.put(name, copy)
        return Finding.FETCHED

    @contextmanager
    def _copied(self, name: str, there: Stat) -> Iterator[tuple[Path, str]]:
        hashed = sha256()
        with NamedTemporaryFile(dir=self.scratch, prefix=REPAIRED) as file:
            for piece in _pieces(name, there, self.bucket):
                file.write(piece)
                hashed.update(piece)
            file.flush()
            yield Path(file.name), hashed.hexdigest()


def _is_sound(name: str, found: Stat, store: Backend) -> bool:
    wanted = digest_in(name)
    return wanted is None or _digest(name, found, store) == wanted


def _digest(name: str, found: Stat, store: Backend) -> str:
    hashed = sha256()
    for piece in _pieces(name, found, store):
        hashed.update(piece)
    return hashed.hexdigest()


def _pieces(name: str, found: Stat, store: Backend) -> Iterator[bytes]:
    for start in range(0, found.size, PIECE):
        yield store.read(name, start, min(PIECE, found.size - start), found.identity)
