"""The logs of attempts, which grow: where they are kept, and on the disk."""
from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from api.host.permissions import PRIVATE
from api.storage.files.appending import new_part, write_at
from api.storage.files.incoming import full_disk_as_unavailable
from api.storage.jobs.artifacts import LocalFile, open_file
from api.storage.jobs.places import AttemptPlace, job_folder
from api.storage.text.log_windows import Readable


class JobLog(Readable, Protocol):
    """A log as far as it was written at a time; `version` is another one whenever a byte is."""

    @property
    def version(self) -> str:
        """What tells it from the log at another time."""

    def pinned(self) -> AbstractContextManager[Readable]:
        """The log for a context's length."""


class AttemptLogs(Protocol):
    """Logs that are appended to by whoever has claimed the attempt, and read by anybody meanwhile."""

    @property
    def poll_interval(self) -> float:
        """How often logs that are followed may be looked at, in seconds."""

    def append(self, place: AttemptPlace, start: int, chunk: bytes) -> int:
        """Append what comes behind `start`, without what is there already; how long the log is then. Without bytes it is begun.

        Raises Conflict, with the log's size, where bytes before `start` are missing; and Unavailable where nothing can be written.
        """
        ...

    def sizes(self, places: Sequence[AttemptPlace]) -> list[int]:
        """The sizes of these logs, 0 where there is none, at the cost of one where that is a question to the database."""
        ...

    def open(self, place: AttemptPlace) -> JobLog | None:
        """A log as it is now; None before it was begun, and once it was removed."""
        ...

    def known(self, place: AttemptPlace, size: int) -> JobLog:
        """A log of which the size is known, without looking whether it is there."""
        ...

    def find(self, job_id: str, attempt: int) -> AttemptPlace:
        """The place of an earlier attempt of a job, by the log that it left."""
        ...

    def remove(self, job_id: str) -> None:
        """Forget the logs of a job, whose folder is about to be removed."""
        ...


class LogsOnDisk:
    """Logs as files of the file store, whose folder all servers share."""

    poll_interval = 0.02

    def __init__(self, storage_root: Path) -> None:
        self._root = storage_root.absolute()
        self._below = f"{self._root}{os.sep}"

    def append(self, place: AttemptPlace, start: int, chunk: bytes) -> int:
        """Append to the file."""
        with full_disk_as_unavailable(), self._locked(place) as log:
            size = os.fstat(log).st_size
            return write_at(log, size, new_part(size, start, chunk))

    def sizes(self, places: Sequence[AttemptPlace]) -> list[int]:
        """The sizes of the files, each by one system call."""
        return [self._size(place) for place in places]

    def open(self, place: AttemptPlace) -> LocalFile | None:
        """The file."""
        return open_file(self._path(place))

    def known(self, place: AttemptPlace, size: int) -> LocalFile:
        """The file."""
        return LocalFile(self._path(place), size, f"{place.log} {size}")

    def find(self, job_id: str, attempt: int) -> AttemptPlace:
        """The place by the folder's name."""
        found = (self._root / job_folder(job_id)).glob(f"{attempt:d}-[0-9]*")
        return AttemptPlace(job_id, attempt, max((int(folder.name.rpartition("-")[2]) for folder in found), default=0))

    def remove(self, job_id: str) -> None:
        """Nothing: the files are in the folder."""

    def _size(self, place: AttemptPlace) -> int:
        try:
            return os.stat(self._below + place.log).st_size
        except OSError:
            return 0

    def _path(self, place: AttemptPlace) -> Path:
        return self._root / place.log

    @contextmanager
    def _locked(self, place: AttemptPlace) -> Iterator[int]:
        """The file, locked, so that of two senders of the same bytes one appends them."""
        PRIVATE.make_folder(self._root / place.folder)
        log = PRIVATE.open(self._path(place), os.O_WRONLY)
        try:
            fcntl.flock(log, fcntl.LOCK_EX)
            yield log
        finally:
            os.close(log)
