"""The outbox of uploads to the bucket: written with the rows that refer to the files, emptied by the uploader."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from api.storage.database import change, session
from api.storage.tables.files import PendingUploadRow

FIRST_DELAY = timedelta(seconds=5)
MAX_DELAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A file to be sent: which change of it, and how often that was tried."""

    name: str
    change: int
    attempts: int

    @property
    def next_delay(self) -> timedelta:
        """How long to wait after one more failure: twice as long each time, up to an hour."""
        return min(MAX_DELAY, FIRST_DELAY * (1 << min(self.attempts, 12)))


def record_upload(name: str, due: datetime) -> None:
    """Within a transaction: have a file sent, at this time at the latest. One that waits already is sent as it is by then."""
    again = update(PendingUploadRow).where(PendingUploadRow.name == name).values(
        change=PendingUploadRow.change + 1, attempts=0, due_at=case((PendingUploadRow.due_at < due, PendingUploadRow.due_at), else_=due))
    if change(again):
        return
    try:
        with session().begin_nested():
            session().add(PendingUploadRow(name=name, change=1, attempts=0, due_at=due))
    except IntegrityError:
        # Another worker sent a file of the same content a moment ago.
        change(again)


def claim_uploads(now: datetime, lease: timedelta, limit: int) -> tuple[PendingUpload, ...]:
    """Within a transaction: files that are due, the longest waiting first; nobody else gets them until the lease ends."""
    due = select(PendingUploadRow).where(PendingUploadRow.due_at <= now).order_by(
        PendingUploadRow.due_at, PendingUploadRow.name).limit(limit).with_for_update()
    rows = session().execute(due).scalars().all()
    for row in rows:
        row.due_at = now + lease
    session().flush()
    return tuple(PendingUpload(row.name, row.change, row.attempts) for row in rows)


def record_sent(upload: PendingUpload) -> bool:
    """Within a transaction: a file is where it should be. Tells whether that was its newest change."""
    return bool(change(delete(PendingUploadRow).where(_same(upload))))


def record_failure(upload: PendingUpload, now: datetime) -> None:
    """Within a transaction: a file could not be sent; it is due again later."""
    change(update(PendingUploadRow).where(_same(upload)).values(
        attempts=PendingUploadRow.attempts + 1, due_at=now + upload.next_delay))


def forget_upload(name: str) -> None:
    """Within a transaction: have a file sent no more, since it is to be removed."""
    change(delete(PendingUploadRow).where(PendingUploadRow.name == name))


def count_uploads() -> int:
    """How many files wait to be sent."""
    return session().execute(select(func.count()).select_from(PendingUploadRow)).scalar_one()


def _same(upload: PendingUpload) -> ColumnElement[bool]:
    return and_(PendingUploadRow.name == upload.name, PendingUploadRow.change == upload.change)
