"""The samples whose media info is to be made: written with a new sample, emptied by the inspector."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from api.storage.database import change, session
from api.storage.platform_tables import SampleRow
from api.storage.tables.library import PendingMediaInfoRow


@dataclass(frozen=True, slots=True)
class PendingMediaInfo:
    """A sample to be described; its hash and extension as they are stored, and how often that was begun before."""

    sample_id: int
    sha: str
    extension: str
    attempts: int


def claim_media_info(now: datetime, lease: timedelta) -> PendingMediaInfo | None:
    """Within a transaction: the sample that has waited longest; nobody else gets it until the lease ends. None where none is due."""
    due = select(PendingMediaInfoRow).where(PendingMediaInfoRow.due_at <= now).order_by(
        PendingMediaInfoRow.due_at, PendingMediaInfoRow.sample_id).limit(1).with_for_update()
    row = session().execute(due).scalar_one_or_none()
    if row is None:
        return None
    sample = session().get_one(SampleRow, row.sample_id)
    claimed = PendingMediaInfo(row.sample_id, sample.sha, sample.extension, row.attempts)
    row.attempts, row.due_at = row.attempts + 1, now + lease
    session().flush()
    return claimed


def is_wanted(sample_id: int) -> bool:
    """Within a transaction: whether the sample is still there and waits; held until the end."""
    query = select(PendingMediaInfoRow.sample_id).where(PendingMediaInfoRow.sample_id == sample_id).with_for_update()
    return session().execute(query).first() is not None


def forget_media_info(sample_id: int) -> None:
    """Within a transaction: the sample waits no longer."""
    change(delete(PendingMediaInfoRow).where(PendingMediaInfoRow.sample_id == sample_id))
