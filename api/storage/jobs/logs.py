"""Reads growing logs of attempts, as frames that are ready to be sent."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from api.domain.jobs.event_stream import LONGEST_CHUNK, Frame, StreamPlace, frames_of, whole_characters
from api.domain.jobs.job import Job
from api.storage.jobs.files import AttemptFiles, JobFiles

READ_AT_ONCE = 4 * LONGEST_CHUNK


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the log of a job's attempt, whose files are found first unless they are known.

    `head` is how far it was read, None before the first look, when `start` is where its reader is. `read`: whether what is new is
    wanted. `closing`: no claim writes to it any more; `overdue`: and its supervisor's last words are no longer waited for.
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
class Glance:
    """What a look at a log found: its size, how far it is read now, what was read; `closed` once the size will not change any more."""

    files: AttemptFiles
    size: int
    head: int
    frames: Sequence[Frame]
    closed: bool
    in_line: bool


def find_attempt(files: JobFiles, job: Job, attempt: int) -> AttemptFiles:
    """The files of an attempt of a job; the folder of an earlier one is found by its name."""
    if attempt == job.attempt:
        return files.attempt(job.job_id, attempt, job.attempt_fence)
    found = [each for each in files.attempts(job.job_id) if each.folder.name.startswith(f"{attempt:d}-")]
    return found[-1] if found else files.attempt(job.job_id, attempt, 0)


def size_of(path: str) -> int:
    """How long a log is; nothing where there is none. The least that can be asked of one."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def look(store: JobFiles, question: Question) -> Glance:
    """Look at a log. One that is not there is empty."""
    # The newest attempt may come to be another one of the same number, where it was put back before it began.
    is_newest = question.attempt == question.job.attempt
    files = find_attempt(store, question.job, question.attempt) if is_newest or question.files is None else question.files
    # Whether somebody still writes is asked first: a log that is whole then stays as it is.
    closed = question.closing and (question.overdue or _is_settled(files))
    with _opened(files.log) as log:
        if log is None:
            head = question.head or 0
            return Glance(files, head, head, (), closed, in_line=False)
        size = os.fstat(log).st_size
        head = _first_head(log, question.start, size) if question.head is None else question.head
        frames: list[Frame] = []
        if question.read and size > head:
            raw = os.pread(log, READ_AT_ONCE, head)
            frames = frames_of(raw, StreamPlace(question.attempt, head), final=closed and head + len(raw) >= size)
        in_line = closed and size > 0 and os.pread(log, 1, size - 1) != b"\n"
        head = frames[-1].end if frames else head
        return Glance(files, max(size, head), head, frames, closed, in_line)


def read_frame(path: Path, place: StreamPlace, limit: int) -> Frame | None:
    """The next piece behind a place, not beyond `limit`, where no character is cut; None where the log is gone."""
    with _opened(path) as log:
        raw = b"" if log is None else os.pread(log, min(LONGEST_CHUNK, limit - place.offset), place.offset)
    frames = frames_of(raw, place, final=place.offset + len(raw) >= limit)
    return frames[0] if frames else None


def present_end(files: AttemptFiles) -> int:
    """Where a log ends now, before a character of which the rest is still to come."""
    with _opened(files.log) as log:
        return 0 if log is None else _whole_end(log, os.fstat(log).st_size)


def _first_head(log: int, start: int, size: int) -> int:
    # A short log is read from its beginning, so that all who want that share what was read.
    return 0 if start < size <= READ_AT_ONCE else _whole_end(log, size)


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
