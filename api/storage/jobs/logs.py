"""Reads growing logs of attempts, as frames that are ready to be sent."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.domain.jobs.event_stream import MAX_CHUNK_BYTES, Frame, StreamPlace, frames_of, whole_characters
from api.domain.jobs.job import Job
from api.storage.jobs.attempt_logs import AttemptLogs, JobLog
from api.storage.jobs.places import AttemptPlace

READ_BYTES = 4 * MAX_CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A query of the log of a job's attempt. Its place is looked up unless it is given.

    `head` is how far it was read, None at first, when `start` is where its reader is. `read`: whether new text is wanted.
    `closing`: no claim writes to it any more.
    """

    job: Job
    attempt: int
    place: AttemptPlace | None = None
    head: int | None = None
    start: int = 0
    read: bool = False
    closing: bool = False


@dataclass(frozen=True, slots=True)
class LogState:
    """The state of a log: its size, how far it is read, and the frames read; `closed` once it is complete."""

    place: AttemptPlace
    size: int
    head: int
    frames: Sequence[Frame]
    closed: bool
    is_mid_line: bool


def find_place(logs: AttemptLogs, job: Job, attempt: int) -> AttemptPlace:
    """The place of an attempt of a job; that of an earlier one is found by what it left."""
    return AttemptPlace(job.job_id, attempt, job.attempt_fence) if attempt == job.attempt else logs.find(job.job_id, attempt)


def place_of(logs: AttemptLogs, query: LogQuery) -> AttemptPlace:
    """The place of the log that is asked about."""
    # The newest attempt may be replaced by another of the same number, if it is put back before it begins.
    return query.place if query.place and query.attempt != query.job.attempt else find_place(logs, query.job, query.attempt)


def query_log(logs: AttemptLogs, query: LogQuery, place: AttemptPlace, size: int) -> LogState:
    """Query a log of this size, which was looked at after the query was made. A missing one counts as empty."""
    log = logs.known(place, size)
    head = _first_head(log, query.start) if query.head is None else query.head
    frames: list[Frame] = []
    if query.read and size > head:
        raw = log.read(head, READ_BYTES)
        frames = frames_of(raw, StreamPlace(query.attempt, head), final=query.closing and head + len(raw) >= size)
    is_mid_line = query.closing and size > 0 and log.read(size - 1, 1) != b"\n"
    head = frames[-1].end if frames else head
    return LogState(place, max(size, head), head, frames, query.closing, is_mid_line)


def end_of_log(logs: AttemptLogs, job: Job) -> LogState:
    """The state of the log of a job that is over."""
    place = find_place(logs, job, job.attempt)
    return query_log(logs, LogQuery(job, job.attempt, closing=True), place, logs.sizes([place])[0])


def read_frame(logs: AttemptLogs, log_place: AttemptPlace, place: StreamPlace, limit: int) -> Frame | None:
    """The next frame after a position, up to `limit`, which splits no character; None where the log was deleted."""
    log = logs.open(log_place)
    raw = b"" if log is None else log.read(place.offset, min(MAX_CHUNK_BYTES, limit - place.offset))
    frames = frames_of(raw, place, final=place.offset + len(raw) >= limit)
    return frames[0] if frames else None


def current_end(logs: AttemptLogs, job: Job) -> int:
    """Where the log of a job's newest attempt ends now, without a partial character."""
    log = logs.open(find_place(logs, job, job.attempt))
    return 0 if log is None else _whole_end(log)


def _first_head(log: JobLog, start: int) -> int:
    if not log.size:
        return 0
    # A short log is read from its beginning, so that readers from the beginning share it.
    return 0 if start < log.size <= READ_BYTES else _whole_end(log)


def _whole_end(log: JobLog) -> int:
    start = max(0, log.size - 3)
    return start + whole_characters(log.read(start, log.size - start))
