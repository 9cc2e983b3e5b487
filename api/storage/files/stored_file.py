"""What is known of one stored file, and its bytes: one that was found, and one that is read."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from api.domain.errors import Unavailable
from api.domain.files.storage_status import StorageStatus
from api.storage.files import paths
from api.storage.files.backends import Backend, LocalBackend, OpenFile
from api.storage.files.integrity import Integrity

AWAY = "A store of files does not answer at the moment."
CHANGED = "The file was replaced while it was read."


@dataclass(frozen=True, slots=True)
class Found:
    """Where a file was found just now: the stores that hold it, and its size in the first of them."""

    status: StorageStatus
    size: int | None
    where: tuple[str, ...]


NOWHERE = Found(StorageStatus.MISSING, None, ())


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was there just now, in the store that it is read from. See `Stat` for `version` and `identity`."""

    name: str
    size: int
    version: str
    identity: str
    store: Backend
    integrity: Integrity
    held: OpenFile | None = None

    @property
    def backend(self) -> str:
        """The store's name."""
        return self.store.name

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on. Raises Unavailable where the file is another one by now, or its store away."""
        try:
            content = self.held.read(start, length) if self.held else self.store.read(self.name, start, length, self.identity)
        except FileNotFoundError as gone:
            raise Unavailable(CHANGED, retry_after=1) from gone
        except OSError as away:
            raise Unavailable(AWAY) from away
        if start == 0 and len(content) == self.size and not self.integrity.matches(self.name, self.version, content):
            raise Unavailable(CHANGED, retry_after=1)
        return content

    @contextmanager
    def pinned(self) -> Iterator[Source]:
        """This file for a context's length, whatever takes its name on the disk. Raises Unavailable where another one has by now."""
        with held_open(self) as held:
            if held.identity != self.identity:
                raise Unavailable(CHANGED, retry_after=1)
            yield held


@contextmanager
def held_open(source: Source) -> Iterator[Source]:
    """`Source.pinned`, of whatever has the name now; only a name that says its content must still have the same."""
    if not isinstance(source.store, LocalBackend):
        yield source
        return
    with ExitStack() as stack:
        try:
            held = stack.enter_context(source.store.held(source.name))
        except OSError as gone:
            raise Unavailable(CHANGED, retry_after=1) from gone
        # It may be another one already than was seen first, which only one that is named by its content must not be.
        if held.stat.version != source.version and paths.digest_in(source.name) is not None:
            raise Unavailable(CHANGED, retry_after=1)
        yield replace(source, size=held.stat.size, version=held.stat.version, identity=held.stat.identity, held=held)
