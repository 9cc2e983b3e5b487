"""Lists and loads samples with their tags."""
from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select

from api.domain.catalog.sample import Sample, SampleFilter, SampleLabel
from api.domain.errors import NotFound
from api.domain.page import Page, slice_page
from api.storage.catalog.catalog import load_catalog
from api.storage.database import read, session
from api.storage.platform_tables import SampleRow, SampleTagRow, TagRow

_TAGS = (
    select(TagRow.name).join(SampleTagRow, SampleTagRow.tag_id == TagRow.id).join(SampleRow, SampleRow.id == SampleTagRow.sample_id)
    .where(SampleRow.id == bindparam("sample_id")))


def list_samples(wanted: SampleFilter, *, limit: int, offset: int) -> Page[Sample]:
    """A page of the samples, by id, with the exact total."""
    return slice_page(load_catalog().find_samples(wanted), limit, offset)


def load_sample(sample_id: int) -> Sample:
    """The sample of this id. Raises NotFound."""
    found = load_catalog().samples_by_id.get(sample_id)
    if found is None:
        raise NotFound("sample", sample_id, remedy="List samples with GET /samples.")
    return found


def check_sample(sample_id: int) -> None:
    """Raise NotFound unless there is a sample of this id."""
    if session().execute(select(SampleRow.id).where(SampleRow.id == sample_id)).first() is None:
        raise NotFound("sample", sample_id, remedy="List samples with GET /samples.")


def load_tags(sample_id: int) -> tuple[str, ...]:
    """The tags of a sample, none where it is gone. For one sample alone the whole library is not looked at."""
    return tuple(sorted(name for name, in read(_TAGS, {"sample_id": sample_id})))


def load_labels(sample_ids: Collection[int]) -> dict[int, SampleLabel]:
    """What these samples are found by; those that are gone are left out."""
    labels = load_catalog().labels
    return {sample_id: labels[sample_id] for sample_id in sample_ids if sample_id in labels}
