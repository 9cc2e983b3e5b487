"""Samples that somebody uploaded, and of which nobody has said yet how they came."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from api.domain.catalog.change import LibraryAction, LibraryKind
from api.domain.catalog.sample import without_dot
from api.domain.errors import NotFound
from api.domain.page import Page
from api.storage.database import session
from api.storage.platform_tables import SampleRow, UploadRow
from api.storage.tables.library import LibraryChangeRow


@dataclass(frozen=True, slots=True)
class WaitingUpload:
    """A sample by its id, with its hash, extension without a dot and name, and whoever uploaded it."""

    sample_id: int
    sha: str
    extension: str
    name: str
    user_id: int


def list_waiting(user_id: int | None, *, limit: int, offset: int) -> Page[WaitingUpload]:
    """Those of this account, by id; everybody's for None."""
    query = _waiting(user_id)
    total = session().execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = session().execute(query.order_by(SampleRow.id).limit(limit).offset(offset))
    return Page([_upload(row) for row in rows], limit, offset, total)


def load_waiting(sample_id: int, user_id: int | None) -> WaitingUpload:
    """One of this account's, or anybody's for None. Raises NotFound."""
    row = session().execute(_waiting(user_id).where(SampleRow.id == sample_id)).one_or_none()
    if row is None:
        raise NotFound("queued_sample", sample_id, remedy="GET /queued-samples lists what waits.")
    return _upload(row)


def _waiting(user_id: int | None) -> Select[int, str, str, str, int | None]:
    # The number of a sample that was deleted may be another's since.
    other = aliased(LibraryChangeRow)
    newest = select(func.max(other.id)).where(
        other.kind == LibraryKind.SAMPLE.value, other.subject_id == SampleRow.id, other.action == LibraryAction.CREATED.value
    ).correlate(SampleRow).scalar_subquery()
    query = (
        select(SampleRow.id, SampleRow.sha, SampleRow.extension, SampleRow.original_name, LibraryChangeRow.user_id)
        .join(LibraryChangeRow, LibraryChangeRow.id == newest).outerjoin(UploadRow, UploadRow.sample_id == SampleRow.id)
        .where(SampleRow.id > 0, UploadRow.id.is_(None), LibraryChangeRow.user_id.is_not(None)))
    return query if user_id is None else query.where(LibraryChangeRow.user_id == user_id)


def _upload(row: Any) -> WaitingUpload:
    sample_id, sha, extension, name, user_id = row
    return WaitingUpload(sample_id, sha, without_dot(extension), name, user_id)
