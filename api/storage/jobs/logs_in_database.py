"""Logs of attempts where servers share no disk: rows of the database while they grow, then objects of the bucket.

To append is one short transaction, and no request to the bucket. Of two senders of the same bytes one appends them: a row that is
small yet is changed only as it was read, and behind one that is not there can be one row alone. Parts that grow no more go to the
bucket in the background, in objects that are written once and never change; a row of each says which bytes it has.
"""
from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from flask import Flask, has_app_context
from sqlalchemy import ColumnElement, and_, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.errors import Unavailable
from api.storage.database import TransactionConflict, change, read, session, transact
from api.storage.files.appending import new_part
from api.storage.files.archive import Archive
from api.storage.files.stored_file import Source
from api.storage.jobs.places import AttemptPlace
from api.storage.jobs.tables import JobLogRow

# A row that is smaller grows, so that a log of many small chunks has few rows; each time it is written anew. Whether it grows must depend
# on nothing else: whoever has read of a row that it grows no more may add the next one.
ROW_BYTES = 16 << 10
GONE = "The log was removed while it was read."


@dataclass(frozen=True, slots=True)
class LogPart:
    """A part of a log, without its bytes where they are in the bucket."""

    start: int
    size: int
    content: bytes | None

    @property
    def end(self) -> int:
        """Where the next part begins."""
        return self.start + self.size


@dataclass(frozen=True)
class StoredLog:
    """A log as far as it was written when somebody looked."""

    place: AttemptPlace
    size: int
    logs: LogsInDatabase
    _objects: dict[str, Source] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """A log only grows."""
        return f"{self.place.log} {self.size}"

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on. Raises Unavailable where the bucket is away, or the log was removed."""
        end = min(start + length, self.size)
        if start >= end:
            return b""
        return b"".join(self._bytes(part, max(start, part.start), min(end, part.end)) for part in self.logs.parts(self.place, start, end))

    def pinned(self) -> AbstractContextManager[StoredLog]:
        """The log itself, which only grows."""
        return nullcontext(self)

    def _bytes(self, part: LogPart, start: int, end: int) -> bytes:
        if part.content is not None:
            return part.content[start - part.start:end - part.start]
        return self._object(object_name(self.place, part.start, part.end)).read(start - part.start, end - start)

    def _object(self, name: str) -> Source:
        found = self._objects.get(name) or self.logs.archive.open(name)
        if found is None:
            raise Unavailable(GONE, retry_after=1)
        self._objects[name] = found
        return found


class LogsInDatabase:
    """Logs as rows, each with bytes or with the name of an object."""

    # Each look is one question to the database, however many logs are followed.
    poll_interval = 0.1

    def __init__(self, app: Flask, archive: Archive) -> None:
        self._app, self.archive = app, archive

    def append(self, place: AttemptPlace, start: int, chunk: bytes) -> int:
        """Append to the last row, or behind it."""
        with self._context():
            return transact(partial(_append, place, start, chunk))

    def sizes(self, places: Sequence[AttemptPlace]) -> list[int]:
        """The sizes, by one statement."""
        if not places:
            return []
        last = select(JobLogRow.job_id, JobLogRow.fence, func.max(JobLogRow.start).label("start")).where(
            JobLogRow.job_id.in_({place.job_id for place in places})).group_by(JobLogRow.job_id, JobLogRow.fence).subquery()
        query = select(JobLogRow.job_id, JobLogRow.fence, JobLogRow.start + JobLogRow.size).join(last, and_(
            JobLogRow.job_id == last.c.job_id, JobLogRow.fence == last.c.fence, JobLogRow.start == last.c.start))
        with self._context():
            found = {(job_id, fence): int(size) for job_id, fence, size in read(query)}
        return [found.get((place.job_id, place.fence), 0) for place in places]

    def open(self, place: AttemptPlace) -> StoredLog | None:
        """The log, where a row of it is there."""
        query = select(JobLogRow.start + JobLogRow.size).where(_of(place)).order_by(JobLogRow.start.desc()).limit(1)
        with self._context():
            found = read(query)
        return StoredLog(place, int(found[0][0]), self) if found else None

    def known(self, place: AttemptPlace, size: int) -> StoredLog:
        """The log."""
        return StoredLog(place, size, self)

    def find(self, job_id: str, attempt: int) -> AttemptPlace:
        """The place by the fence in the rows."""
        query = select(func.max(JobLogRow.fence)).where(JobLogRow.job_id == job_id, JobLogRow.attempt == attempt)
        with self._context():
            return AttemptPlace(job_id, attempt, read(query)[0][0] or 0)

    def remove(self, job_id: str) -> None:
        """Delete the rows."""
        with self._context():
            transact(lambda: change(delete(JobLogRow).where(JobLogRow.job_id == job_id)))

    def parts(self, place: AttemptPlace, start: int, end: int) -> list[LogPart]:
        """The parts that have these bytes, in their order, by one statement."""
        first = select(func.max(JobLogRow.start)).where(_of(place), JobLogRow.start <= start).scalar_subquery()
        query = select(JobLogRow.start, JobLogRow.size, JobLogRow.content).where(
            _of(place), JobLogRow.start >= first, JobLogRow.start < end).order_by(JobLogRow.start)
        with self._context():
            found = [LogPart(*row) for row in read(query)]
        if not found or found[-1].end < end:
            raise Unavailable(GONE, retry_after=1)
        return found

    def _context(self) -> AbstractContextManager[object]:
        return nullcontext() if has_app_context() else self._app.app_context()


def object_name(place: AttemptPlace, start: int, end: int) -> str:
    """The name of the object that has these bytes of a log. They are the same whoever stores them, as often as they are stored."""
    return f"{place.log}/{start:d}-{end:d}"


def _of(place: AttemptPlace) -> ColumnElement[bool]:
    return and_(JobLogRow.job_id == place.job_id, JobLogRow.fence == place.fence)


def _append(place: AttemptPlace, start: int, chunk: bytes) -> int:
    """Within a transaction: append, unless another has appended since it began, which raises TransactionConflict."""
    content = case((JobLogRow.size < ROW_BYTES, JobLogRow.content))
    last = session().execute(
        select(JobLogRow.start, JobLogRow.size, content).where(_of(place)).order_by(JobLogRow.start.desc()).limit(1)).one_or_none()
    if last is None:
        _insert(place, 0, new_part(0, start, chunk))
        return len(chunk)
    size = int(last[0] + last[1])
    rest = new_part(size, start, chunk)
    if not rest:
        return size
    if last[2] is not None:
        grown = change(update(JobLogRow).where(
            _of(place), JobLogRow.start == last[0], JobLogRow.size == last[1], JobLogRow.is_stored.is_(False)).values(
            content=last[2] + rest, size=last[1] + len(rest)))
        if not grown:
            raise TransactionConflict
    else:
        _insert(place, size, rest)
    return size + len(rest)


def _insert(place: AttemptPlace, start: int, content: bytes) -> None:
    try:
        session().execute(insert(JobLogRow).values(
            job_id=place.job_id, fence=place.fence, start=start, attempt=place.attempt, size=len(content), is_stored=False,
            content=content))
    except IntegrityError as taken:
        raise TransactionConflict from taken

