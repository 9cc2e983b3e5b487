"""Artifacts of attempts in the file store, where only what the manifest names is readable."""
from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domain.errors import Unavailable
from api.domain.jobs.artifact_limit import NOTHING_KEPT
from api.storage.files.archive import Archive
from api.storage.files.stored_file import Source
from api.storage.jobs.places import AttemptPlace


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this disk that was there just now; `version` is another one whenever a byte is."""

    path: Path
    size: int
    version: str

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on, fewer at the end. Raises Unavailable where the file is gone by now."""
        try:
            descriptor = _open(self.path)
        except OSError as gone:
            raise Unavailable("The file was removed while it was read.", retry_after=1) from gone
        try:
            parts = []
            while length > 0 and (part := os.pread(descriptor, min(length, 1 << 24), start)):
                parts.append(part)
                start, length = start + len(part), length - len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def pinned(self) -> AbstractContextManager[LocalFile]:
        """The file itself: no other one ever takes its name."""
        return nullcontext(self)


@dataclass(frozen=True, slots=True)
class Nothing:
    """A file that nothing was written to yet."""

    size: int = 0

    def read(self, start: int, length: int) -> bytes:
        """No bytes."""
        return b""


def open_file(path: Path) -> LocalFile | None:
    """The file, to be read; None where there is none, or something that is no regular file."""
    try:
        descriptor = _open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as broken:
        if os.path.islink(path):
            return None
        raise Unavailable("The file cannot be read at the moment.") from broken
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        return None
    return LocalFile(path, found.st_size, f"{found.st_dev:x}-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}")


def read_manifest(files: Archive, place: AttemptPlace | None) -> Mapping[str, Any]:
    """What the server keeps of an attempt: `artifacts`, `junit`, `left_out`, `limits_hit`. Raises Unavailable where the store is away."""
    source = None if place is None else files.open(place.manifest)
    if source is None:
        return NOTHING_KEPT
    found: Mapping[str, Any] = json.loads(source.read(0, source.size))
    return {**NOTHING_KEPT, **found}


def open_artifact(files: Archive, place: AttemptPlace | None, name: str) -> Source | None:
    """An artifact by its name in the manifest; None for any other name, wherever it would lead."""
    found = next((each for each in read_manifest(files, place)["artifacts"] if each["name"] == name), None)
    return None if place is None or found is None else files.open(place.artifact(found["sha256"], found["size_bytes"]))


def _open(path: Path) -> int:
    # Without waiting: a pipe under a file's name would otherwise hold the thread for ever.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
