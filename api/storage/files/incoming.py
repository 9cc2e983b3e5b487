"""The file store's root on the local disk, and incoming files."""
from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import FileIO
from itertools import chain
from pathlib import Path
from uuid import uuid4

from api.domain.errors import StoreFull, Unavailable
from api.host.full_disk import is_full
from api.host.permissions import PRIVATE, Permissions
from api.storage.files.backends import COPIED, INCOMING, REPAIRED, UPLOADED
from api.storage.files.paths import ARTIFACTS, LOGS, RESULTS, SAMPLES

log = logging.getLogger(__name__)


class IncomingFile:
    """An incoming file: hashed while it is written, moved to its place atomically, removed if it is not placed.

    It begins with the first write, however empty: most messages of workers have no file, and touch no disk.
    """

    def __init__(self, path: Path, permissions: Permissions) -> None:
        self._path, self._permissions = path, permissions
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._durable = False
        self._place: Path | None = None
        self.size = 0
        # The name by which a store that is not this disk has it, and the one that it has there until it is kept.
        self.sent_as: str | None = None
        self.staged_as: str | None = None

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises Unavailable where the disk takes no more."""
        self._durable = False
        with full_disk_as_unavailable():
            file = self._opened()
            rest = memoryview(chunk)
            while rest:
                rest = rest[file.write(rest):]
        self._hash.update(chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what was written so far."""
        return self._hash.hexdigest()

    def make_durable(self) -> None:
        """Sync the content to the disk; slow for many bytes, so call it before taking locks."""
        if not self._durable:
            with full_disk_as_unavailable():
                os.fsync(self._opened().fileno())
            self._durable = True

    def place(self, target: Path, *, replace: bool = True) -> None:
        """Move the durable file to its place, over what is there or, without `replace`, only where nothing is.

        Done once; a transaction that is begun again may ask again.
        """
        if self._place is not None:
            return
        self.make_durable()
        with full_disk_as_unavailable():
            self._permissions.make_folder(target.parent)
            if replace:
                os.replace(self._path, target)
            else:
                with suppress(FileExistsError):
                    os.link(self._path, target)
        self._place = target

    def sync_name(self) -> None:
        """Sync the folder, so that the new name is durable; call it after releasing locks, before answering the sender."""
        if self._place is not None:
            with full_disk_as_unavailable():
                for folder in (self._place.parent, self._place.parent.parent):
                    _sync_folder(folder)

    def discard(self) -> None:
        """Forget the file, unless it was placed."""
        if self._file is not None:
            self._file.close()
            with suppress(FileNotFoundError):
                self._path.unlink()

    @property
    def path(self) -> Path:
        """Where it lies while it is not placed."""
        return self._path

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to place or to discard."""
        return self._file is not None

    def _opened(self) -> FileIO:
        if self._file is None:
            self._permissions.make_folder(self._path.parent)
            self._file = FileIO(self._permissions.open(self._path, os.O_WRONLY | os.O_EXCL), "w")
        return self._file


class FileStore:
    """What only the disk has, below one root folder, SAMPLE_REPOSITORY. No name from outside ever becomes part of a path.

    `permissions` are those of what is made for all who share the store; what is a job's or a secret is never shared.
    """

    def __init__(self, root: Path, permissions: Permissions = PRIVATE) -> None:
        self.root = root.absolute()
        self._permissions = permissions

    def prepare(self) -> None:
        """Make the folders that there must be."""
        for name in (SAMPLES, RESULTS, LOGS, ARTIFACTS, INCOMING):
            self._permissions.make_folder(self.root / name)

    def open_incoming(self) -> IncomingFile:
        """A new file in TempFiles under a name of its own; the caller places or discards it."""
        return IncomingFile(self.root / INCOMING / f"{UPLOADED}{uuid4().hex}", self._permissions)

    @contextmanager
    def receive(self) -> Iterator[IncomingFile]:
        """`open_incoming`, discarded at the end unless it was placed."""
        incoming = self.open_incoming()
        try:
            yield incoming
        finally:
            incoming.discard()

    def has_room(self, wanted: int) -> bool:
        """Whether the disk has so many bytes left."""
        disk = os.statvfs(self.root)
        return disk.f_bavail * disk.f_frsize >= wanted

    def require_room(self, wanted: int) -> None:
        """Raise Unavailable where the disk has fewer bytes left than that."""
        if not self.has_room(wanted):
            log.error("the file store's disk has too little room for uploads: less than %d bytes", wanted)
            raise Unavailable("The server's disk has no room for this upload at the moment.", retry_after=60)

    def remove_abandoned(self, before: datetime) -> int:
        """Remove what was on its way when its process was killed; what was written to since is in use. How many there were."""
        removed, folder = 0, self.root / INCOMING
        for path in chain.from_iterable(folder.glob(f"{prefix}*") for prefix in (UPLOADED, COPIED, REPAIRED)):
            with suppress(OSError):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()
                    removed += 1
        return removed

    def is_writable(self) -> bool:
        """Whether a file can be made in the store just now."""
        try:
            with self.receive() as incoming:
                incoming.write(b"probe")
        except (OSError, Unavailable):
            return False
        return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def full_disk_as_unavailable() -> Iterator[None]:
    """Turn errors of a full or broken disk into Unavailable."""
    try:
        yield
    except OSError as fault:
        log.error("the file store cannot write: %s", fault.strerror)
        if is_full(fault):
            raise StoreFull from fault
        raise Unavailable("The file store cannot take a file at the moment.", retry_after=60) from fault
