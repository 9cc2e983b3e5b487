"""The stored files in one or two stores: where each is, its bytes, and its download URL."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta

from api.domain.errors import Unavailable
from api.domain.files.storage_status import storage_status
from api.storage.files import paths
from api.storage.files.backends import BUCKET, INCOMING, Backend, LocalBackend, Stat, staged_name
from api.storage.files.incoming import IncomingFile, full_disk_as_unavailable
from api.storage.files.integrity import Integrity
from api.storage.files.stored_file import AWAY, CHANGED, Found, Source, held_open

log = logging.getLogger(__name__)

# Names are free texts in old rows, and an address has an end; the end of a name, with its extension, tells most.
FILENAME_LENGTH = 100
# Outputs of usual sizes are hashed when they are first listed, larger ones when they are first read.
HASHED_TO_LIST = 4 << 20


class Archive:
    """One or two stores behind one face. Reads prefer the disk, addresses the bucket, which then carries the traffic.

    What comes in is placed on the disk, and `send_on` is told the name of each file that the bucket is to have too, `send_later` that of
    one that grows. Where the bucket is alone, a file is sent to it before anybody hears that it was kept.
    """

    def __init__(
        self, backends: Sequence[Backend], *, clock: Callable[[], datetime], link_lifetime: timedelta,
        send_on: Callable[[str], None] = lambda name: None, send_later: Callable[[str], None] = lambda name: None,
        integrity: Integrity | None = None,
    ) -> None:
        self._backends, self._clock, self._lifetime = tuple(backends), clock, link_lifetime
        self._send_on, self._send_later = send_on, send_later
        self._disk = backends[0] if isinstance(backends[0], LocalBackend) else None
        self._integrity = integrity or Integrity()

    @property
    def stores(self) -> tuple[str, ...]:
        """The names of the configured stores."""
        return tuple(backend.name for backend in self._backends)

    def look(self, wanted: Iterable[str | None]) -> dict[str, Found]:
        """Where each of these files is now; what stands for no name is left out (`NOWHERE` says the same of it).

        A file whose content is known not to be what its name says is not there.
        Takes no longer than the slowest store may take for all of them together.
        """
        asked = sorted({name for name in wanted if name is not None})
        surveys = [(backend.name, self._sound(backend, backend.stat_many(asked))) for backend in self._backends]
        return {name: _found(name, surveys) for name in asked}

    def open(self, name: str | None) -> Source | None:
        """The file, to be read: from the disk, else from the bucket; None where it is in neither.

        A file whose content is not what its name says is passed over. Raises Unavailable where a store that may have the
        file does not answer.
        """
        silent = False
        for backend in self._backends if name is not None else ():
            try:
                source = self._opened(backend, name or "")
            except OSError:
                silent = True
            else:
                if source is not None:
                    return source
        if silent:
            raise Unavailable(AWAY)
        return None

    @contextmanager
    def hold(self, name: str | None) -> Iterator[Source | None]:
        """`open`, for a context's length: what is on the disk is read as the one version that it was at the beginning.

        What is in the bucket only cannot be held: once another one has taken its place, reading raises Unavailable.
        """
        source = self.open(name)
        with nullcontext() if source is None else held_open(source) as held:
            yield held

    def url(self, name: str | None, filename: str, content_type: str) -> str | None:
        """An address to fetch the file at for a while; None unless it is there now."""
        return None if name is None else self.link(name, self.look([name])[name], filename, content_type)

    def link(self, name: str, found: Found, filename: str, content_type: str) -> str | None:
        """`url` for a file that `look` has just found, or not."""
        holding = [backend for backend in self._backends if backend.name in found.where]
        holding.sort(key=lambda backend: backend.name != BUCKET)
        if not holding:
            return None
        return holding[0].sign(
            name, filename=filename[-FILENAME_LENGTH:], content_type=content_type, expires_at=self._clock() + self._lifetime)

    @contextmanager
    def staged(self, incoming: IncomingFile, name: str | None = None) -> Iterator[None]:
        """For the length of a transaction that keeps a file: its bytes are where keeping it takes no longer for many of them.

        `name` is one by which no other content is known, if the file is to have such a name. Raises Unavailable where a bucket that is
        alone does not take it.
        """
        if self._disk is not None:
            incoming.make_durable()
            yield
        elif name is not None:
            self._send(name, incoming)
            yield
        else:
            with self._staged(incoming):
                yield

    @contextmanager
    def _staged(self, incoming: IncomingFile) -> Iterator[None]:
        staged = staged_name(self._clock())
        incoming.make_durable()
        try:
            with _reached():
                for backend in self._backends:
                    backend.put(staged, incoming.path)
            incoming.staged_as = staged
            yield
        finally:
            incoming.staged_as = None
            # What stays is removed with its day.
            with suppress(Unavailable):
                self.remove(staged)

    def remove_abandoned(self, before: datetime) -> None:
        """Remove what was staged on an earlier day than that by processes that were killed. Raises Unavailable."""
        if self._disk is None:
            for day in self.folders(f"{INCOMING}/"):
                if day < f"{before:%Y-%m-%d}":
                    self.remove_all(f"{INCOMING}/{day}/")

    def keep(self, name: str, incoming: IncomingFile) -> None:
        """Within a transaction: store a file that came in, in every store; a bucket beside the disk gets it soon afterwards.

        A sound file that is named by its content is never written over: whoever sends it again, or sends what is a baseline
        already, changes nothing. One that is not what its name says gives way to what came in, which is.
        Raises Unavailable where a bucket that is alone does not take it.
        """
        if self._disk is None:
            self._send(name, incoming)
        else:
            self._place(self._disk, name, incoming)

    @property
    def has_disk(self) -> bool:
        """Whether a file can be written to in its place."""
        return self._disk is not None

    def grown_to(self, name: str) -> int:
        """How long a file is that is appended to, where it is: on the disk, if there is one; 0 where there is none.

        Raises Unavailable where that store does not answer.
        """
        with _reached():
            found = self._backends[0].stat(name)
        return 0 if found is None else found.size

    def append(self, name: str, size: int, content: bytes, staged: IncomingFile | None) -> bool:
        """Within a transaction: write what comes behind the first `size` bytes of a file.

        False where a bucket is alone, and has more bytes than these, or is not given the very content as a staged file. Raises Unavailable.
        """
        if self._disk is not None:
            self._announce(name, self._send_later)
            with full_disk_as_unavailable():
                self._disk.append(name, size, content)
            return True
        if staged is None or staged.staged_as is None or staged.size != len(content):
            return False
        with _reached():
            there = [backend.stat(name) for backend in self._backends]
        if any(each is None or each.size != size for each in there):
            return False
        self.compose([name, staged.staged_as], name)
        return True

    def compose(self, sources: Sequence[str], target: str) -> None:
        """Within a transaction: store files one behind the other under a name, over whatever is there. Raises Unavailable."""
        try:
            if self._disk is not None:
                self._announce(target, self._send_on)
                with full_disk_as_unavailable():
                    self._disk.compose(sources, target)
                return
            with _reached():
                for backend in self._backends:
                    backend.compose(sources, target)
        except FileNotFoundError as gone:
            raise Unavailable(CHANGED, retry_after=1) from gone

    def end_growth(self, name: str) -> None:
        """Within a transaction: have the bucket beside the disk get a file that grew, and grows no more."""
        if self._disk is not None and self.grown_to(name):
            self._announce(name, self._send_on)

    def _announce(self, name: str, send: Callable[[str], None]) -> None:
        if any(backend.name == BUCKET for backend in self._backends):
            send(name)

    def _send(self, name: str, incoming: IncomingFile) -> None:
        with _reached():
            for backend in self._backends:
                # What was sent before the transaction may have been removed since.
                if not (self._is_lacking(backend, name, incoming) if incoming.sent_as != name else backend.stat(name) is None):
                    continue
                if incoming.staged_as is not None:
                    backend.compose([incoming.staged_as], name)
                else:
                    incoming.make_durable()
                    backend.put(name, incoming.path)
        if incoming.staged_as is None:
            incoming.sent_as = name

    def _is_lacking(self, backend: Backend, name: str, incoming: IncomingFile) -> bool:
        """Whether a store is to get a file: always, unless its name says what its content is."""
        wanted = paths.digest_in(name)
        there = None if wanted is None else backend.stat(name)
        if there is None:
            return True
        return incoming.digest == wanted and not (there.size == incoming.size and self._integrity.is_sound(name, there, backend))

    def _place(self, disk: LocalBackend, name: str, incoming: IncomingFile) -> None:
        # Announced before it is placed, so that one that is being sent on meanwhile counts as the one before.
        self._announce(name, self._send_on)
        wanted = paths.digest_in(name)
        is_it = wanted is not None and incoming.digest == wanted
        incoming.place(disk.path(name), replace=wanted is None or is_it and self._is_damaged(disk, name, incoming.size))
        if is_it:
            self._record_sound(disk, name, incoming.size)

    def copy(self, name: str, target: str) -> None:
        """Give a file a further name in every store. Raises FileNotFoundError, and Unavailable where a store does not answer."""
        with _reached():
            for backend in self._backends:
                backend.copy(name, target)

    def list(self, prefix: str) -> set[str]:
        """The names of all files below a folder, which is given with its slash. Raises Unavailable where a store does not answer."""
        with _reached():
            return {name for backend in self._backends for name in backend.list(prefix)}

    def folders(self, prefix: str) -> set[str]:
        """The names of the folders right below a folder. Raises Unavailable where a store does not answer."""
        with _reached():
            return {name for backend in self._backends for name in backend.folders(prefix)}

    def changed_at(self, prefix: str) -> datetime | None:
        """When something in a folder changed; None where there is no such folder. Raises Unavailable where a store does not answer."""
        with _reached():
            return max(filter(None, (backend.changed_at(prefix) for backend in self._backends)), default=None)

    def remove_all(self, prefix: str) -> None:
        """Remove a folder, which is given with its slash. Raises Unavailable where a store does not answer."""
        with _reached():
            for backend in self._backends:
                backend.delete_all(prefix)

    def remove(self, name: str | None) -> None:
        """Remove a file from every store; that it is not there is no error. Raises Unavailable where a store does not answer."""
        with _reached():
            for backend in self._backends if name is not None else ():
                backend.delete(name or "")

    def _is_damaged(self, disk: LocalBackend, name: str, size: int) -> bool:
        """Whether the disk has another content under this name, or one that cannot be read; `size` is the right one's."""
        try:
            found = disk.stat(name)
            return found is not None and (found.size != size or not self._integrity.is_sound(name, found, disk))
        except OSError:
            return True

    def _record_sound(self, disk: LocalBackend, name: str, size: int) -> None:
        with suppress(OSError):
            placed = disk.stat(name)
            if placed is not None and placed.size == size:
                self._integrity.record_sound(name, placed.version)

    def _sound(self, backend: Backend, stat_many: Mapping[str, Stat | None]) -> dict[str, Stat | None]:
        """What a store told of, without what is there and damaged; a file that cannot be read is one that nothing was told of."""
        sound: dict[str, Stat | None] = {}
        for name, stat in stat_many.items():
            with suppress(OSError):
                is_there = stat is not None and self._integrity.is_sound(name, stat, backend, at_most=HASHED_TO_LIST)
                sound[name] = stat if is_there else None
        return sound

    def _opened(self, backend: Backend, name: str) -> Source | None:
        found = backend.stat(name)
        if found is None:
            return None
        source = Source(name, found.size, found.version, found.identity, backend, self._integrity)
        if self._integrity.is_sound(name, found, backend):
            return source
        log.error("the content of %s in store %s is not what its name says", name, backend.name)
        return None


@contextmanager
def _reached() -> Iterator[None]:
    """Raise Unavailable where a store does not answer."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as away:
        raise Unavailable(AWAY) from away


def _found(name: str, surveys: Sequence[tuple[str, Mapping[str, Stat | None]]]) -> Found:
    stats = [(store, stat_many[name]) for store, stat_many in surveys if name in stat_many]
    holding = [(store, stat) for store, stat in stats if stat is not None]
    if paths.digest_in(name) is not None:
        # Of one content there is one size; the disk's was hashed.
        holding = [(store, stat) for store, stat in holding if stat.size == holding[0][1].size]
    status = storage_status(len(holding), len(surveys) - len(stats))
    return Found(status, holding[0][1].size if holding else None, tuple(store for store, _ in holding))
