"""Lists and loads samples with their tags."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, exists, func, select

from api.domain.catalog.sample import Sample, SampleFilter, SampleLabel, SampleStatus, is_tagged
from api.domain.errors import NotFound
from api.domain.page import Page, slice_page
from api.storage.column_types import is_id, is_on
from api.storage.database import session
from api.storage.platform_tables import RegressionTestRow, SampleRow, SampleTagRow, TagRow, UploadRow


def list_samples(wanted: SampleFilter, *, limit: int, offset: int) -> Page[Sample]:
    """A page of the samples, by id, with the exact total."""
    conditions = _conditions(wanted)
    if wanted.needs_reading:
        ids = slice_page(_reading(wanted, conditions), limit, offset)
    else:
        total = session().execute(select(func.count()).select_from(SampleRow).where(*conditions)).scalar_one()
        found = session().execute(select(SampleRow.id).where(*conditions).order_by(SampleRow.id).limit(limit).offset(offset))
        ids = Page(list(found.scalars()), limit, offset, total)
    return Page(_load(ids.items), limit, offset, ids.total)


def load_sample(sample_id: int) -> Sample:
    """The sample of this id. Raises NotFound."""
    found = _load([sample_id])
    if not found:
        raise NotFound("sample", sample_id, remedy="List samples with GET /samples.")
    return found[0]


def check_sample(sample_id: int) -> None:
    """Raise NotFound unless there is a sample of this id."""
    if session().execute(select(SampleRow.id).where(SampleRow.id == sample_id)).first() is None:
        raise NotFound("sample", sample_id, remedy="List samples with GET /samples.")


def load_labels(sample_ids: Collection[int]) -> dict[int, SampleLabel]:
    """What these samples are found by; those that are gone are left out."""
    tags = _tags(sample_ids)
    rows = session().execute(select(SampleRow.id, SampleRow.original_name).where(SampleRow.id.in_(sample_ids)))
    return {sample_id: SampleLabel(name or "", tags.get(sample_id, ())) for sample_id, name in rows}


def find_tags(wanted: str) -> list[int]:
    """The tags that are meant by a name; there are few, and each database compares text in its own way."""
    rows = session().execute(select(TagRow.id, TagRow.name))
    return [tag_id for tag_id, name in rows if is_tagged((name,), wanted)]


def _conditions(wanted: SampleFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [is_id(SampleRow.id)]
    if wanted.status is not None:
        used = exists().where(RegressionTestRow.sample_id == SampleRow.id, is_on(RegressionTestRow.active))
        conditions.append(used if wanted.status is SampleStatus.ACTIVE else ~used)
    if wanted.tag is not None:
        conditions.append(exists().where(SampleTagRow.sample_id == SampleRow.id, SampleTagRow.tag_id.in_(find_tags(wanted.tag))))
    if wanted.sha256 is not None:
        # Byte by byte, whatever collation the platform's table has.
        conditions.append(func.hex(func.lower(SampleRow.sha)) == wanted.sha256.lower().encode().hex().upper())
    return conditions


def _reading(wanted: SampleFilter, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
    rows = session().execute(
        select(SampleRow.id, SampleRow.original_name, SampleRow.extension).where(*conditions).order_by(SampleRow.id))
    return [sample_id for sample_id, name, extension in rows if wanted.matches_texts(name or "", extension or "")]


def _load(sample_ids: Sequence[int]) -> list[Sample]:
    tags, notes = _tags(sample_ids), _notes(sample_ids)
    rows = session().execute(
        select(SampleRow.id, SampleRow.sha, SampleRow.extension, SampleRow.original_name)
        .where(SampleRow.id.in_(sample_ids)).order_by(SampleRow.id))
    return [
        Sample(row[0], row[1] or "", row[2] or "", row[3] or "", tags.get(row[0], ()), notes.get(row[0])) for row in rows]


def _tags(sample_ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = session().execute(
        select(SampleTagRow.sample_id, TagRow.name).join(TagRow, TagRow.id == SampleTagRow.tag_id)
        .where(SampleTagRow.sample_id.in_(sample_ids)))
    for sample_id, name in rows:
        found[sample_id].append(name)
    return {sample_id: tuple(sorted(names)) for sample_id, names in found.items()}


def _notes(sample_ids: Collection[int]) -> Mapping[int, str]:
    """What the uploader wrote; of several uploads the newest that says anything."""
    rows = session().execute(
        select(UploadRow.sample_id, UploadRow.notes).where(UploadRow.sample_id.in_(sample_ids)).order_by(UploadRow.id))
    return {sample_id: notes for sample_id, notes in rows if notes}
