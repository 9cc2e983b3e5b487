"""What the library keeps beside its catalog: how samples came, the numbers of tags, and those of acceptable hashes."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from api.storage.database import session
from api.storage.platform_tables import AcceptableHashRow, TagRow, UploadRow, VersionRow


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a sample came to be; the release that it was uploaded for may be gone."""

    platform: str
    parameters: str
    notes: str
    version: str | None
    released: date | None


@dataclass(frozen=True, slots=True)
class Variant:
    """A hash that is as good as an output's baseline."""

    variant_id: int
    digest: str


def load_variants(output_ids: Collection[int]) -> Mapping[int, Sequence[Variant]]:
    """The acceptable hashes of these outputs, by output."""
    query = select(AcceptableHashRow).where(AcceptableHashRow.regression_test_output_id.in_(output_ids)).order_by(AcceptableHashRow.id)
    found: defaultdict[int, list[Variant]] = defaultdict(list)
    for row in session().execute(query).scalars():
        found[row.regression_test_output_id].append(Variant(row.id, row.file_hashes))
    return found


def load_tag_ids() -> dict[str, int]:
    """The numbers of the tags, by name."""
    return {name: tag_id for tag_id, name in session().execute(select(TagRow.id, TagRow.name))}


def find_arrival(sample_id: int) -> Arrival | None:
    """How a sample came; None where nothing is recorded."""
    row = session().execute(
        select(UploadRow, VersionRow).outerjoin(VersionRow, VersionRow.id == UploadRow.version_id)
        .where(UploadRow.sample_id == sample_id).order_by(UploadRow.id).limit(1)).one_or_none()
    if row is None:
        return None
    upload, release = row
    version, released = (None, None) if release is None else (release.version, release.released)
    return Arrival(upload.platform, upload.parameters, upload.notes, version, released)
