"""The interface of a file store, and the store on the local disk."""
from __future__ import annotations

import os
import shutil
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from api.domain.files.signed_url import SignedUrl
from api.host.permissions import PRIVATE, Permissions
from api.storage.files import paths
from api.storage.files.appending import write_at

LOCAL, BUCKET = "local", "gcs"
INCOMING = "TempFiles"
# The prefix of temporary files.
UPLOADED, COPIED, REPAIRED = "upload-", "copy-", "repair-"
TicketLink = Callable[[SignedUrl], str]


class Unreachable(OSError):
    """A store failed, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Stat:
    """A stored file: its size in bytes, and two marks of its content.

    `version` is another one whenever a single byte is. `identity` stays while a file only grows, and changes when another
    file takes its place.
    """

    size: int
    version: str
    identity: str


class Backend(Protocol):
    """One store. Names are relative (`api.storage.files.paths`); one that is none raises ValueError before anything is touched.

    All methods raise Unreachable where the store does not answer; a disk may raise any other OSError.
    """

    @property
    def name(self) -> str:
        """`local` or `gcs`."""
        ...

    def stat(self, name: str) -> Stat | None:
        """What is stored under a name now; None for nothing."""
        ...

    def stat_many(self, wanted: Iterable[str]) -> Mapping[str, Stat | None]:
        """`stat` of many names; one that the store did not tell of in time is left out. Never raises Unreachable."""
        ...

    def read(self, name: str, start: int, length: int, identity: str | None = None) -> bytes:
        """Up to `length` bytes from `start` on, fewer at the end of the file, none behind it.

        Raises FileNotFoundError for a file that is not there, or is another one than `identity` says.
        """
        ...

    def put(self, name: str, source: Path) -> None:
        """Store a file under a name, whole or not at all, over whatever is there."""
        ...

    def sign(self, name: str, *, filename: str, content_type: str, expires_at: datetime) -> str:
        """An address under which anybody can fetch the file until `expires_at`. Does not look whether it is there.

        Raises ValueError for what is no file of a kind (`names.kind_of`) that has addresses.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove a file; that it is not there is no error."""
        ...

    def copy(self, name: str, target: str) -> None:
        """Give a file a further name, under which nothing is. Raises FileNotFoundError for a file that is not there."""
        ...

    def compose(self, sources: Sequence[str], target: str) -> None:
        """Store files one behind the other under a name, whole or not at all, over whatever is there; no bytes come from here.

        Raises FileNotFoundError for a file that is not there.
        """
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The names of all stored files that begin with a prefix, which is a folder's name with its slash."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders right below a folder, which is given with its slash; they have none."""
        ...

    def changed_at(self, prefix: str) -> datetime | None:
        """When the newest file right below a folder came or went, as far as the store knows; None where there is nothing."""
        ...

    def delete_all(self, prefix: str) -> None:
        """Remove a folder, which is given with its slash, with all that is in it."""
        ...


def staged_name(now: datetime) -> str:
    """A name of its own for a file that is to be given another one soon, in a folder of the day."""
    return f"{INCOMING}/{now:%Y-%m-%d}/{UPLOADED}{uuid4().hex}"


def checked(name: str) -> str:
    """The name itself; raises ValueError for what could lead anywhere else than below the store's root."""
    if not paths.is_name(name):
        raise ValueError("not the name of a stored file")
    return name


def signed_url_for(name: str, filename: str, content_type: str, expires_at: datetime) -> SignedUrl:
    """The ticket for a file; raises ValueError for one that no address may be given for."""
    kind = paths.kind_of(name)
    if kind is None:
        raise ValueError("not the name of a file that has an address")
    return SignedUrl(kind, name, filename, content_type, expires_at)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file on the disk that is open; another one that takes its name meanwhile changes nothing."""

    file: FileIO
    stat: Stat

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on. Raises ValueError once it is closed."""
        return _read_fully(self.file.fileno(), start, length)


class LocalBackend:
    """The store on the local disk; its addresses are tickets that this server honours."""

    name = LOCAL

    def __init__(self, root: Path, link: TicketLink, permissions: Permissions = PRIVATE) -> None:
        self._root, self._link, self._permissions = root.absolute(), link, permissions
        self._below = f"{self._root}{os.sep}"

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self._root / checked(name)

    def stat(self, name: str) -> Stat | None:
        """What is stored under a name now; what is no regular file counts as nothing."""
        try:
            found = os.stat(self._below + checked(name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _described(found) if modes.S_ISREG(found.st_mode) else None

    def stat_many(self, wanted: Iterable[str]) -> Mapping[str, Stat | None]:
        """`stat` of many names, at once: a disk answers, or nothing here does."""
        found = {}
        for name in wanted:
            with suppress(OSError):
                found[name] = self.stat(name)
        return found

    def read(self, name: str, start: int, length: int, identity: str | None = None) -> bytes:
        """Bytes of a file."""
        with self.held(name) as held:
            if identity not in (None, held.stat.identity):
                raise FileNotFoundError(name)
            return held.read(start, length)

    @contextmanager
    def held(self, name: str) -> Iterator[OpenFile]:
        """A file that stays the one it is as long as the context lasts. Raises FileNotFoundError where there is none."""
        # Without waiting: a pipe under a file's name would otherwise hold the thread for ever.
        descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not modes.S_ISREG(found.st_mode):
                raise FileNotFoundError(name)
            yield OpenFile(file, _described(found))

    def put(self, name: str, source: Path) -> None:
        """Copy a file to its place by way of TempFiles, durably."""
        self._write(self.path(name), [source])

    def compose(self, sources: Sequence[str], target: str) -> None:
        """Copy the files to their place as `put` does."""
        self._write(self.path(target), [self.path(name) for name in sources])

    def _write(self, target: Path, sources: Sequence[Path]) -> None:
        folder = self._root / INCOMING
        self._permissions.make_folder(folder)
        temporary = folder / f"{COPIED}{uuid4().hex}"
        try:
            with os.fdopen(self._permissions.open(temporary, os.O_WRONLY | os.O_EXCL), "wb") as written:
                for source in sources:
                    with source.open("rb") as coming:
                        shutil.copyfileobj(coming, written, 1 << 20)
                written.flush()
                os.fsync(written.fileno())
            self._permissions.make_folder(target.parent)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def append(self, name: str, size: int, content: bytes) -> None:
        """Durably write what comes behind the first `size` bytes of a file. Raises FileNotFoundError for one that is not there."""
        descriptor = os.open(self.path(name), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            write_at(descriptor, size, content)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def sign(self, name: str, *, filename: str, content_type: str, expires_at: datetime) -> str:
        """An address of this server."""
        return self._link(signed_url_for(name, filename, content_type, expires_at))

    def delete(self, name: str) -> None:
        """Remove a file."""
        self.path(name).unlink(missing_ok=True)

    def copy(self, name: str, target: str) -> None:
        """Link a file: whatever becomes of the one name, the other keeps the file."""
        self.path(name).stat()
        self._permissions.make_folder(self.path(target).parent)
        os.link(self.path(name), self.path(target))

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders, in no order."""
        with suppress(FileNotFoundError), os.scandir(self._root / prefix) as found:
            yield from (entry.name for entry in found if entry.is_dir(follow_symlinks=False))

    def changed_at(self, prefix: str) -> datetime | None:
        """When the folder was changed."""
        with suppress(FileNotFoundError):
            return datetime.fromtimestamp(os.stat(self._root / prefix).st_mtime, UTC)
        return None

    def delete_all(self, prefix: str) -> None:
        """Remove a folder, as far as it can be removed."""
        shutil.rmtree(self._root / prefix, ignore_errors=True)

    def list(self, prefix: str) -> Iterator[str]:
        """The names of all files below a folder, in no order."""
        for folder, _, files in os.walk(self._root / prefix):
            relative = Path(folder).relative_to(self._root).as_posix()
            yield from (name for name in (f"{relative}/{file}" for file in files) if paths.is_name(name))


def _described(found: os.stat_result) -> Stat:
    identity = f"{found.st_dev:x}-{found.st_ino:x}"
    return Stat(found.st_size, f"{identity}-{found.st_mtime_ns:x}-{found.st_size:x}", identity)


def _read_fully(descriptor: int, start: int, length: int) -> bytes:
    parts = []
    while length > 0 and (part := os.pread(descriptor, min(length, 1 << 24), start)):
        parts.append(part)
        start, length = start + len(part), length - len(part)
    return b"".join(parts)
