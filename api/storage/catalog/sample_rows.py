"""Adds, changes and deletes samples, with their tags, notes and extra files."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from api.domain.catalog.new_sample import FileName, Forbidden
from api.domain.errors import Conflict, NotFound, Unprocessable
from api.storage.database import TransactionConflict, add_free_text, casefolded, change, change_free_text, session
from api.storage.platform_tables import (
    ForbiddenExtensionRow,
    ForbiddenTypeRow,
    SampleExtraRow,
    SampleRow,
    SampleTagRow,
    TagRow,
    UploadRow,
    VersionRow,
)
from api.storage.tables.library import PendingMediaInfoRow, SampleNoteRow


@dataclass(frozen=True, slots=True)
class Upload:
    """How a sample came to the platform: the extractor's version, the platform and the parameters that it was noticed with."""

    version: str
    platform: str
    parameters: str


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A further file of a sample; `extension` is without its dot."""

    extra_id: int
    name: str
    extension: str


def load_forbidden() -> Forbidden:
    """What the platform does not take as a sample."""
    return Forbidden(
        list(session().execute(select(ForbiddenExtensionRow.extension)).scalars()),
        list(session().execute(select(ForbiddenTypeRow.mimetype)).scalars()))


def find_sample_id(digest: str) -> int | None:
    """The sample with this SHA-256 (hex, lower case); None where there is none."""
    return session().execute(
        select(SampleRow.id).where(casefolded(SampleRow.sha) == digest).order_by(SampleRow.id).limit(1)).scalar_one_or_none()


def insert_sample(digest: str, name: FileName, now: datetime) -> int:
    """Within a transaction: add a sample whose media info is to be made. Raises Conflict, with the sample that has the file already."""
    known = find_sample_id(digest)
    if known is not None:
        raise Conflict(
            "The library has this file already.", {"sample_id": known}, remedy="Use the sample that details.sample_id names.")
    row = SampleRow(sha=digest, extension=name.extension, original_name=name.name)
    try:
        with session().begin_nested():
            add_free_text(row, "original_name")
    except IntegrityError as twin:
        raise TransactionConflict from twin
    session().add(PendingMediaInfoRow(sample_id=row.id, attempts=0, due_at=now))
    session().flush()
    return row.id


def lock_sample(sample_id: int) -> None:
    """Within a transaction: hold a sample's row until the end. Raises NotFound."""
    _locked(sample_id)


def _locked(sample_id: int) -> SampleRow:
    query = select(SampleRow).where(SampleRow.id == sample_id).with_for_update()
    row = session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise NotFound("sample", sample_id, remedy="List samples with GET /samples.")
    return row


def record_name(sample_id: int, name: str) -> None:
    """Within a transaction: rename a sample; its file keeps its own name."""
    change_free_text(_locked(sample_id), "original_name", name)


def record_notes(sample_id: int, notes: str) -> None:
    """Within a transaction: replace the notes, which stand in the platform's upload where there is one."""
    upload = _upload(sample_id)
    if upload is not None:
        change_free_text(upload, "notes", notes)
        return
    session().merge(SampleNoteRow(sample_id=sample_id, notes=notes))
    session().flush()


def record_upload_facts(sample_id: int, user_id: int, facts: Upload) -> None:
    """Within a transaction: say how a sample came. Raises Unprocessable for a version that the platform does not know."""
    version_id = session().execute(select(VersionRow.id).where(VersionRow.version == facts.version)).scalar_one_or_none()
    if version_id is None:
        raise Unprocessable(
            "The platform knows no such version of the extractor.", {"version": facts.version}, remedy="Leave out how the sample came.")
    upload = _upload(sample_id)
    if upload is None:
        own = session().get(SampleNoteRow, sample_id)
        upload = UploadRow(
            user_id=user_id, sample_id=sample_id, version_id=version_id, platform=facts.platform, parameters="",
            notes="" if own is None else own.notes)
        add_free_text(upload, "notes")
        change(delete(SampleNoteRow).where(SampleNoteRow.sample_id == sample_id))
    upload.version_id, upload.platform = version_id, facts.platform
    change_free_text(upload, "parameters", facts.parameters)


def _upload(sample_id: int) -> UploadRow | None:
    # The newest, as everywhere.
    query = select(UploadRow).where(UploadRow.sample_id == sample_id).order_by(UploadRow.id.desc()).limit(1)
    return session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def find_upload(sample_id: int) -> Upload | None:
    """How a sample came to the platform; None where that is not known."""
    row = session().execute(
        select(VersionRow.version, UploadRow.platform, UploadRow.parameters).select_from(UploadRow)
        .outerjoin(VersionRow, VersionRow.id == UploadRow.version_id).where(UploadRow.sample_id == sample_id)
        .order_by(UploadRow.id.desc()).limit(1)).first()
    return None if row is None else Upload(row[0] or "", row[1] or "", row[2] or "")


def replace_tags(sample_id: int, names: Sequence[str]) -> None:
    """Within a transaction: give a sample these tags and no others. Raises Unprocessable for names of no tag."""
    known = {name: tag_id for tag_id, name in session().execute(select(TagRow.id, TagRow.name).where(TagRow.name.in_(names)))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Unprocessable("There are no such tags.", {"unknown_tags": unknown}, remedy="Make them with POST /tags.")
    change(delete(SampleTagRow).where(SampleTagRow.sample_id == sample_id))
    session().expire_all()
    session().add_all(SampleTagRow(sample_id=sample_id, tag_id=tag_id) for tag_id in sorted({known[name] for name in names}))
    session().flush()


def list_extra_files(sample_id: int) -> list[ExtraFile]:
    """The further files of a sample, by id."""
    rows = session().execute(
        select(SampleExtraRow.id, SampleExtraRow.original_name, SampleExtraRow.extension)
        .where(SampleExtraRow.sample_id == sample_id).order_by(SampleExtraRow.id))
    return [ExtraFile(extra_id, name or "", extension or "") for extra_id, name, extension in rows]


def load_extra_file(sample_id: int, extra_id: int) -> ExtraFile:
    """A further file of a sample. Raises NotFound, also for one of another sample."""
    found = next((each for each in list_extra_files(sample_id) if each.extra_id == extra_id), None)
    if found is None:
        raise NotFound("extra_file", extra_id, remedy="See the sample's extra_files.")
    return found


def insert_extra_file(sample_id: int, name: FileName) -> int:
    """Within a transaction: add a further file to a sample. Returns its id."""
    row = SampleExtraRow(sample_id=sample_id, original_name=name.name, extension=name.extension)
    add_free_text(row, "original_name")
    return row.id


def delete_extra_file(sample_id: int, extra_id: int) -> None:
    """Within a transaction: forget a further file."""
    change(delete(SampleExtraRow).where(SampleExtraRow.id == extra_id, SampleExtraRow.sample_id == sample_id))


def delete_sample_row(sample_id: int) -> None:
    """Within a transaction: delete a sample and what is only about it. Raises Conflict where something else refers to it."""
    try:
        with session().begin_nested():
            for table in (SampleTagRow, SampleExtraRow, UploadRow, SampleNoteRow, PendingMediaInfoRow):
                change(delete(table).where(table.sample_id == sample_id))
            change(delete(SampleRow).where(SampleRow.id == sample_id))
    except IntegrityError as used:
        raise Conflict("Something of the platform's refers to this sample.") from used
    session().expire_all()
