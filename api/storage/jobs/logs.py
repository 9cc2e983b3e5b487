"""Reads growing logs of attempts, as frames that are ready to be sent."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from api.domain.jobs.event_stream import MAX_CHUNK_BYTES, Frame, StreamPlace, frames_of, whole_characters
from api.domain.jobs.job import Job
from api.storage.jobs.files import AttemptFiles, JobFiles

READ_BYTES = 4 * MAX_CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A query of the log of a job's attempt. Its files are looked up unless they are given.

    `head` is how far it was read, None at first, when `start` is where its reader is. `read`: whether new text is wanted.
    `closing`: no claim writes to it any more; `overdue`: and its supervisor is no longer waited for.
    """

    job: Job
    attempt: int
    files: AttemptFiles | None = None
    head: int | None = None
    start: int = 0
    read: bool = False
    closing: bool = False
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of a log: its size, how far it is read, and the frames read; `closed` once it is complete."""

    files: AttemptFiles
    size: int
    head: int
    frames: Sequence[Frame]
    closed: bool
    is_mid_line: bool


def find_attempt(files: JobFiles, job: Job, attempt: int) -> AttemptFiles:
    """The files of an attempt of a job; the folder of an earlier one is found by its name."""
    if attempt == job.attempt:
        return files.attempt(job.job_id, attempt, job.attempt_fence)
    found = [each for each in files.attempts(job.job_id) if each.folder.name.startswith(f"{attempt:d}-")]
    return found[-1] if found else files.attempt(job.job_id, attempt, 0)


def size_of(path: str) -> int:
    """The size of a log, 0 where there is none, by one system call."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def query_log(store: JobFiles, query: LogQuery) -> LogState:
    """Query a log. A missing one counts as empty."""
    # The newest attempt may be replaced by another of the same number, if it is put back before it begins.
    is_newest = query.attempt == query.job.attempt
    files = find_attempt(store, query.job, query.attempt) if is_newest or query.files is None else query.files
    # Whether it is complete is checked before its size is read.
    closed = query.closing and (query.overdue or _is_settled(files))
    with _opened(files.log) as log:
        if log is None:
            head = query.head or 0
            return LogState(files, head, head, (), closed, is_mid_line=False)
        size = os.fstat(log).st_size
        head = _first_head(log, query.start, size) if query.head is None else query.head
        frames: list[Frame] = []
        if query.read and size > head:
            raw = os.pread(log, READ_BYTES, head)
            frames = frames_of(raw, StreamPlace(query.attempt, head), final=closed and head + len(raw) >= size)
        is_mid_line = closed and size > 0 and os.pread(log, 1, size - 1) != b"\n"
        head = frames[-1].end if frames else head
        return LogState(files, max(size, head), head, frames, closed, is_mid_line)


def read_frame(path: Path, place: StreamPlace, limit: int) -> Frame | None:
    """The next frame after a position, up to `limit`, which splits no character; None where the log was deleted."""
    with _opened(path) as log:
        raw = b"" if log is None else os.pread(log, min(MAX_CHUNK_BYTES, limit - place.offset), place.offset)
    frames = frames_of(raw, place, final=place.offset + len(raw) >= limit)
    return frames[0] if frames else None


def current_end(files: AttemptFiles) -> int:
    """Where a log ends now, without a partial character."""
    with _opened(files.log) as log:
        return 0 if log is None else _whole_end(log, os.fstat(log).st_size)


def _first_head(log: int, start: int, size: int) -> int:
    # A short log is read from its beginning, so that readers from the beginning share it.
    return 0 if start < size <= READ_BYTES else _whole_end(log, size)


def _whole_end(log: int, size: int) -> int:
    start = max(0, size - 3)
    return start + whole_characters(os.pread(log, size - start, start))


def _is_settled(files: AttemptFiles) -> bool:
    if files.exit.exists():
        return True
    with suppress(OSError):
        return not files.is_supervised()
    return True


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        log = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield log
    finally:
        os.close(log)
