"""What the library keeps beside its catalog: descriptions, categories, tags, uploads, further files, acceptable hashes."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select

from api.domain.errors import NotFound
from api.domain.page import Page
from api.storage.database import session
from api.storage.platform_tables import (
    AcceptableHashRow,
    CategoryRow,
    RegressionCategoryRow,
    RegressionTestRow,
    SampleExtraRow,
    TagRow,
    UploadRow,
    VersionRow,
)


@dataclass(frozen=True, slots=True)
class Category:
    """A group of regression tests, and how many are in it."""

    category_id: int
    name: str
    description: str
    test_count: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A word that samples are found by."""

    tag_id: int
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Upload:
    """How a sample came to be; the release that it was uploaded for may be gone."""

    platform: str
    parameters: str
    notes: str
    version: str | None
    released: date | None


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A sample's further file."""

    extra_id: int
    original_name: str
    extension: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A hash that is as good as an output's baseline."""

    variant_id: int
    digest: str


def load_descriptions(regression_ids: Collection[int]) -> dict[int, str]:
    """What people say of these regression tests; empty for nothing."""
    query = select(RegressionTestRow.id, RegressionTestRow.description).where(RegressionTestRow.id.in_(regression_ids))
    return {regression_id: text or "" for regression_id, text in session().execute(query)}


def load_variants(output_ids: Collection[int]) -> Mapping[int, Sequence[Variant]]:
    """The acceptable hashes of these outputs, by output."""
    query = select(AcceptableHashRow).where(AcceptableHashRow.regression_test_output_id.in_(output_ids)).order_by(AcceptableHashRow.id)
    found: defaultdict[int, list[Variant]] = defaultdict(list)
    for row in session().execute(query).scalars():
        found[row.regression_test_output_id].append(Variant(row.id, row.file_hashes))
    return found


def list_categories(*, limit: int, offset: int) -> Page[Category]:
    """A page of the categories, by name."""
    members = select(func.count()).where(RegressionCategoryRow.category_id == CategoryRow.id).scalar_subquery()
    rows, total = _page(select(CategoryRow, members).order_by(CategoryRow.name, CategoryRow.id), limit, offset)
    return Page([Category(row.id, row.name, row.description, count) for row, count in rows], limit, offset, total)


def list_tags(*, limit: int, offset: int) -> Page[Tag]:
    """A page of the tags, by name."""
    rows, total = _page(select(TagRow).order_by(TagRow.name, TagRow.id), limit, offset)
    return Page([Tag(row.id, row.name, row.description or "") for row, in rows], limit, offset, total)


def load_tag_ids() -> dict[str, int]:
    """The numbers of the tags, by name."""
    return {name: tag_id for tag_id, name in session().execute(select(TagRow.id, TagRow.name))}


def _page(query: Select[Any], limit: int, offset: int) -> tuple[Sequence[Any], int]:
    total = session().execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one()
    return session().execute(query.limit(limit).offset(offset)).all(), total


def find_upload(sample_id: int) -> Upload | None:
    """The first upload of a sample; None where none is recorded."""
    row = session().execute(
        select(UploadRow, VersionRow).outerjoin(VersionRow, VersionRow.id == UploadRow.version_id)
        .where(UploadRow.sample_id == sample_id).order_by(UploadRow.id).limit(1)).one_or_none()
    if row is None:
        return None
    upload, release = row
    version, released = (None, None) if release is None else (release.version, release.released)
    return Upload(upload.platform, upload.parameters, upload.notes, version, released)


def list_extra_files(sample_id: int) -> list[ExtraFile]:
    """The further files of a sample, by id."""
    query = select(SampleExtraRow).where(SampleExtraRow.sample_id == sample_id).order_by(SampleExtraRow.id)
    return [ExtraFile(row.id, row.original_name, row.extension) for row in session().execute(query).scalars()]


def load_extra_file(sample_id: int, extra_id: int) -> ExtraFile:
    """One of a sample's further files. Raises NotFound."""
    found = next((each for each in list_extra_files(sample_id) if each.extra_id == extra_id), None)
    if found is None:
        raise NotFound("extra_file", extra_id, remedy="GET /samples/{sample_id}/details lists them.")
    return found
