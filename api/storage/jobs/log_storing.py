"""Brings logs of attempts from the database to the bucket: what has come so far of long ones, and all of those that are over."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import and_, case, delete, func, or_, select, update

from api.domain.jobs.job import JobStatus
from api.storage.database import change, session, transact
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore
from api.storage.jobs.logs_in_database import object_name
from api.storage.jobs.places import AttemptPlace
from api.storage.jobs.tables import JobLogRow, JobRow

# A log that grows has no more bytes than this in the database, and those of a moment. It has so many fewer objects.
OBJECT_BYTES = 4 << 20
# How much of a log is in memory.
PIECE = 4 << 20


@dataclass(frozen=True, slots=True)
class UnstoredLog:
    """A log with bytes that the bucket has not; `is_over` says that no more will come."""

    place: AttemptPlace
    is_over: bool


def list_unstored_logs(limit: int) -> list[UnstoredLog]:
    """Logs that are over or long, those with the most bytes first."""
    runs = func.max(case((and_(JobRow.status == JobStatus.RUNNING.value, JobRow.fence == JobLogRow.fence), 1), else_=0))
    there = func.sum(JobLogRow.size)
    query = (
        select(JobLogRow.job_id, JobLogRow.attempt, JobLogRow.fence, runs).join(JobRow, JobRow.id == JobLogRow.job_id)
        .where(JobLogRow.is_stored.is_(False)).group_by(JobLogRow.job_id, JobLogRow.attempt, JobLogRow.fence)
        .having(or_(runs == 0, there >= OBJECT_BYTES)).order_by(there.desc()).limit(limit))
    return [UnstoredLog(AttemptPlace(job_id, attempt, fence), not running) for job_id, attempt, fence, running in session().execute(query)]


def store_log(log: UnstoredLog, files: Archive, spool: FileStore) -> bool:
    """Put what grows no more into an object, and then say so in its row. False where something else happened to the log meanwhile.

    Several processes may do so at once: they store the same bytes under the same name, and one of them changes the rows.
    Raises Unavailable where the bucket is away.
    """
    parts = _parts(log.place)
    if not log.is_over:
        # The last one grows.
        del parts[-1:]
    if not parts:
        return False
    begin, end = parts[0][0], sum(parts[-1])
    if end > begin:
        _store(log.place, begin, end, parts, files, spool)
    session().rollback()
    return transact(partial(_record, log.place, parts))


def _parts(place: AttemptPlace, *, locked: bool = False) -> list[tuple[int, int]]:
    query = select(JobLogRow.start, JobLogRow.size).where(
        JobLogRow.job_id == place.job_id, JobLogRow.fence == place.fence, JobLogRow.is_stored.is_(False)).order_by(JobLogRow.start)
    return [(int(start), int(size)) for start, size in session().execute(query.with_for_update() if locked else query)]


def _store(place: AttemptPlace, begin: int, end: int, parts: Sequence[tuple[int, int]], files: Archive, spool: FileStore) -> None:
    name = object_name(place, begin, end)
    present = files.open(name)
    if present is not None and present.size == end - begin:
        return
    with spool.receive() as incoming:
        for first, last in _pieces(parts):
            rows = session().execute(select(JobLogRow.content).where(
                JobLogRow.job_id == place.job_id, JobLogRow.fence == place.fence, JobLogRow.start.between(first, last)
            ).order_by(JobLogRow.start))
            for content in rows.scalars():
                incoming.write(content or b"")
        if incoming.size == end - begin:
            files.keep(name, incoming)


def _pieces(parts: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The first and the last start of parts that are held in memory together."""
    first = last = parts[0][0]
    for start, size in parts:
        if start + size - first > PIECE and start > first:
            yield first, last
            first = start
        last = start
    yield first, last


def _record(place: AttemptPlace, parts: Sequence[tuple[int, int]]) -> bool:
    """Within a transaction: say that these parts are in the bucket, unless they are not what is here."""
    here = _parts(place, locked=True)
    if here[:len(parts)] != list(parts):
        return False
    (begin, _), (last, size) = parts[0], parts[-1]
    of_log = (JobLogRow.job_id == place.job_id, JobLogRow.fence == place.fence)
    change(delete(JobLogRow).where(*of_log, JobLogRow.start > begin, JobLogRow.start <= last))
    return bool(change(update(JobLogRow).where(*of_log, JobLogRow.start == begin).values(
        is_stored=True, content=None, size=last + size - begin)))
