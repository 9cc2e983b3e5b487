"""Keeps samples: takes files in, changes what is known of them, and deletes what nothing refers to."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Event
from typing import Any

from api.domain.catalog.change import Editor, LibraryKind, check_version
from api.domain.catalog.new_sample import BEGINNING, FileName, check_allowed, check_shown_name, parse_file_name
from api.domain.catalog.sample import Sample, without_dot
from api.domain.errors import Conflict, NotFound, Unavailable, Unprocessable
from api.storage.catalog import sample_rows
from api.storage.catalog.changes import record_change
from api.storage.catalog.regression_tests import regression_ids_of
from api.storage.catalog.sample_rows import ExtraFile, Upload
from api.storage.catalog.samples import load_sample
from api.storage.database import transact
from api.storage.files import paths
from api.storage.files.archive import Archive
from api.storage.files.incoming import FileStore, IncomingFile
from api.storage.files.pending_uploads import forget_upload

EXTRA_FILES = 50
PIECE = 4 << 20


@dataclass(frozen=True)
class NewSamples:
    """Tells whoever makes media info that there are samples without."""

    arrived: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that has come in whole, with its first bytes."""

    incoming: IncomingFile
    name: FileName
    beginning: bytes


@dataclass(frozen=True, slots=True)
class SampleEdit:
    """What is to be different about a sample; None leaves a thing as it is."""

    name: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None
    version: str | None = None
    platform: str | None = None
    parameters: str | None = None

    @property
    def tells_of_upload(self) -> bool:
        """Whether it says how the sample came."""
        return (self.version, self.platform, self.parameters) != (None, None, None)


@dataclass(frozen=True, slots=True)
class KeptSample:
    """A sample with all that people may keep of it."""

    sample: Sample
    upload: Upload | None
    extra_files: tuple[ExtraFile, ...]

    @property
    def values(self) -> Mapping[str, Any]:
        """What can be edited, by name; its version is made of them."""
        sample, upload = self.sample, self.upload
        return {
            "sha256": sample.sha, "extension": without_dot(sample.extension), "name": sample.name, "notes": sample.notes,
            "tags": list(sample.tags), "extra_files": [[each.extra_id, each.name] for each in self.extra_files],
            "version": upload and upload.version, "platform": upload and upload.platform, "parameters": upload and upload.parameters}

    @property
    def file_name(self) -> str | None:
        """Where its file lies in the stores; None for an old row that can have none."""
        return paths.sample_name(self.sample.sha, self.sample.extension)


def load_kept_sample(sample_id: int) -> KeptSample:
    """A sample with its upload and its extra files. Raises NotFound."""
    sample = load_sample(sample_id)
    return KeptSample(sample, sample_rows.find_upload(sample_id), tuple(sample_rows.list_extra_files(sample_id)))


def check_file(file: ReceivedFile) -> None:
    """Let pass a file that the platform takes. Raises Unprocessable, also for an empty one."""
    if not file.incoming.size:
        raise Unprocessable("The file is empty.", {"size_bytes": 0}, remedy="Send a file with content.")
    check_allowed(file.name, file.beginning, sample_rows.load_forbidden())


def keep_sample(file: ReceivedFile, archive: Archive, by: Editor, now: datetime) -> int:
    """Make a sample of a file that came in; its id. After a refusal nothing is kept.

    Raises Conflict with the sample that has the same content, Unprocessable for what is forbidden.
    """
    check_file(file)
    with archive.staged(file.incoming, paths.sample_name(file.incoming.digest, file.name.extension)):
        sample_id = transact(partial(_insert, file, archive, by, now))
    file.incoming.sync_name()
    return sample_id


def _insert(file: ReceivedFile, archive: Archive, by: Editor, now: datetime) -> int:
    sample_id = sample_rows.insert_sample(file.incoming.digest, file.name, now)
    kept = load_kept_sample(sample_id)
    assert kept.file_name is not None
    record_change(LibraryKind.SAMPLE, sample_id, None, kept.values, by, now)
    archive.keep(kept.file_name, file.incoming)
    return sample_id


def edit_sample(sample_id: int, edit: SampleEdit, wanted: str | None, by: Editor, now: datetime) -> KeptSample:
    """Change what is known of a sample; `wanted` is the If-Match of whoever edits.

    Raises Invalid for what is no name, NotFound, PreconditionFailed, Unprocessable for unknown tags and versions.
    """
    if edit.name is not None:
        check_shown_name(edit.name)
    return transact(partial(_edit, sample_id, edit, wanted, by, now))


def _edit(sample_id: int, edit: SampleEdit, wanted: str | None, by: Editor, now: datetime) -> KeptSample:
    sample_rows.lock_sample(sample_id)
    before = load_kept_sample(sample_id)
    check_version(wanted, before.values)
    if edit.name is not None:
        sample_rows.record_name(sample_id, edit.name)
    if edit.tells_of_upload:
        _record_upload(before, edit, by)
    if edit.notes is not None:
        sample_rows.record_notes(sample_id, edit.notes)
    if edit.tags is not None:
        sample_rows.replace_tags(sample_id, edit.tags)
    after = load_kept_sample(sample_id)
    record_change(LibraryKind.SAMPLE, sample_id, before.values, after.values, by, now)
    return after


def _record_upload(before: KeptSample, edit: SampleEdit, by: Editor) -> None:
    known = before.upload or Upload("", "", "")
    facts = Upload(
        edit.version or known.version, edit.platform or known.platform,
        known.parameters if edit.parameters is None else edit.parameters)
    if not facts.version or not facts.platform or by.user_id is None:
        raise Unprocessable(
            "How a sample came is kept with a version of the extractor and a platform.", {"version": facts.version or None},
            remedy="Send version and platform too.")
    sample_rows.record_upload_facts(before.sample.sample_id, by.user_id, facts)


def delete_sample(sample_id: int, wanted: str | None, archive: Archive, by: Editor, now: datetime) -> None:
    """Delete a sample with its files. Raises NotFound, PreconditionFailed, and Conflict while a regression test is made of it."""
    transact(partial(_delete, sample_id, wanted, archive, by, now))


def _delete(sample_id: int, wanted: str | None, archive: Archive, by: Editor, now: datetime) -> None:
    sample_rows.lock_sample(sample_id)
    before = load_kept_sample(sample_id)
    check_version(wanted, before.values)
    _check_unused(sample_id)
    sample_rows.delete_sample_row(sample_id)
    record_change(LibraryKind.SAMPLE, sample_id, before.values, None, by, now)
    # Until the transaction ends nobody can add a sample of the same content, whose file this would be.
    _remove_files(before, archive)


def _check_unused(sample_id: int) -> None:
    uses = regression_ids_of(sample_id)
    if uses:
        raise Conflict(
            "Regression tests are made of this sample.", {"regression_ids": uses[:100], "regression_count": len(uses)},
            remedy="Delete the tests first; those that have results stay, and can be made inactive.")


def _remove_files(kept: KeptSample, archive: Archive) -> None:
    sha = kept.sample.sha
    extra = [paths.extra_file_name(sha, each.extra_id, each.extension) for each in kept.extra_files]
    for name in (*extra, paths.media_info_name(sha), kept.file_name):
        if name is not None:
            forget_upload(name)
            archive.remove(name)


def add_extra_file(sample_id: int, file: ReceivedFile, archive: Archive, by: Editor, now: datetime) -> ExtraFile:
    """Keep a further file of a sample. Raises NotFound, Unprocessable for what is forbidden, Conflict where it has enough of them."""
    check_file(file)
    with archive.staged(file.incoming):
        added = transact(partial(_add_extra_file, sample_id, file, archive, by, now))
    file.incoming.sync_name()
    return added


def _add_extra_file(sample_id: int, file: ReceivedFile, archive: Archive, by: Editor, now: datetime) -> ExtraFile:
    sample_rows.lock_sample(sample_id)
    before = load_kept_sample(sample_id)
    if len(before.extra_files) >= EXTRA_FILES:
        raise Conflict("The sample has as many extra files as it may have.", {"limit": EXTRA_FILES}, remedy="Delete one of them.")
    extra_id = sample_rows.insert_extra_file(sample_id, file.name)
    name = paths.extra_file_name(before.sample.sha, extra_id, file.name.extension)
    if name is None:
        raise Unavailable("The sample's own file cannot be named.", retry_after=3600)
    record_change(LibraryKind.SAMPLE, sample_id, before.values, load_kept_sample(sample_id).values, by, now)
    # Last, since the name has the id, which is another one where the transaction is begun again.
    archive.keep(name, file.incoming)
    return ExtraFile(extra_id, file.name.name, file.name.extension)


def move_to_extra_files(sample_id: int, target_id: int, archive: Archive, store: FileStore, by: Editor, now: datetime) -> ExtraFile:
    """Make a sample that no regression test is made of a further file of another one.

    Raises NotFound, Conflict where it cannot be deleted, and as `add_extra_file`.
    """
    if sample_id == target_id:
        raise Conflict("A sample is no further file of itself.", {"sample_id": sample_id}, remedy="Name another sample.")
    kept = load_kept_sample(sample_id)
    _check_unused(sample_id)
    with archive.hold(kept.file_name) as source, store.receive() as incoming:
        if source is None:
            raise NotFound("file", kept.sample.name[:100], remedy="It is in no store; ask the operator.")
        beginning = source.read(0, BEGINNING)
        for start in range(0, source.size, PIECE):
            incoming.write(source.read(start, PIECE))
        extra = add_extra_file(target_id, ReceivedFile(incoming, parse_file_name(kept.sample.name), beginning), archive, by, now)
    delete_sample(sample_id, None, archive, by, now)
    return extra


def delete_extra_file(sample_id: int, extra_id: int, archive: Archive, by: Editor, now: datetime) -> None:
    """Delete a further file of a sample. Raises NotFound."""
    transact(partial(_delete_extra_file, sample_id, extra_id, archive, by, now))


def _delete_extra_file(sample_id: int, extra_id: int, archive: Archive, by: Editor, now: datetime) -> None:
    sample_rows.lock_sample(sample_id)
    before = load_kept_sample(sample_id)
    extra = sample_rows.load_extra_file(sample_id, extra_id)
    sample_rows.delete_extra_file(sample_id, extra_id)
    record_change(LibraryKind.SAMPLE, sample_id, before.values, load_kept_sample(sample_id).values, by, now)
    name = paths.extra_file_name(before.sample.sha, extra_id, extra.extension)
    if name is not None:
        forget_upload(name)
        archive.remove(name)
