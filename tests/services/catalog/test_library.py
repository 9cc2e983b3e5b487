"""What people make in the library they can take away again, on either database, and nothing of it is left."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.domain.catalog.change import Editor
from api.domain.catalog.definition import Definition, NewOutput
from api.domain.catalog.new_sample import FileName
from api.domain.errors import Conflict
from api.services.catalog import library_labels, library_samples, library_tests
from api.services.catalog.library_samples import ReceivedFile, SampleEdit
from api.storage.database import session
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.files.incoming import FileStore
from api.storage.platform_tables import (
    AcceptableHashRow,
    CategoryRow,
    RegressionCategoryRow,
    RegressionOutputRow,
    RegressionTestRow,
    SampleExtraRow,
    SampleRow,
    SampleTagRow,
)
from api.storage.tables.library import SampleNoteRow
from tests.builders import NOW, add_acceptable_hash
from tests.databases import Database

BY = Editor(None, "a test")
TABLES = (
    AcceptableHashRow, CategoryRow, RegressionCategoryRow, RegressionOutputRow, RegressionTestRow, SampleExtraRow, SampleNoteRow, SampleRow,
    SampleTagRow)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """An empty store."""
    made = FileStore(tmp_path / "files")
    made.prepare()
    return made


@pytest.fixture
def archive(store: FileStore) -> Archive:
    """The files of the store."""
    local = LocalBackend(store.root, lambda ticket: "")
    return Archive([local], clock=lambda: NOW, link_lifetime=timedelta(hours=1), send_on=lambda name: None)


def keep(store: FileStore, archive: Archive, content: bytes, name: str) -> int:
    """A sample with this content."""
    with store.receive() as incoming:
        incoming.write(content)
        return library_samples.keep_sample(ReceivedFile(incoming, FileName(name, "ts"), content), archive, BY, NOW)


def test_all_that_was_made_can_be_taken_away(database: Database, store: FileStore, archive: Archive) -> None:
    tag, category = (make("dvb 🎬", "words é", BY, NOW) for make in (library_labels.create_tag, library_labels.create_category))
    sample_id = keep(store, archive, b"media", "Abend 🎬.ts")
    library_samples.edit_sample(sample_id, SampleEdit(name="Ünïcode.ts", notes="Off air é.", tags=(tag.name,)), None, BY, NOW)
    with store.receive() as incoming:
        incoming.write(b"words")
        extra = library_samples.add_extra_file(sample_id, ReceivedFile(incoming, FileName("a.txt", "txt"), b"words"), archive, BY, NOW)
    test = library_tests.create_test(Definition(sample_id, "-out=srt", (category.name,)), BY, NOW).definition
    changed = library_tests.add_output(test.regression_id, NewOutput(".txt", "_2"), None, BY, NOW).definition
    add_acceptable_hash(changed.outputs[1].output_id, "a" * 64)

    with pytest.raises(Conflict):
        library_samples.delete_sample(sample_id, None, archive, BY, NOW)
    with pytest.raises(Conflict):
        library_labels.delete_category(category.label_id, BY, NOW)
    library_tests.delete_output(test.regression_id, changed.outputs[1].output_id, None, BY, NOW)
    library_tests.delete_test(test.regression_id, None, BY, NOW)
    library_labels.delete_category(category.label_id, BY, NOW)
    library_samples.delete_extra_file(sample_id, extra.extra_id, archive, BY, NOW)
    library_samples.delete_sample(sample_id, None, archive, BY, NOW)

    session().rollback()
    assert [session().execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES] == [0] * len(TABLES)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_file_that_is_there_already_is_told_with_its_sample_and_kept_once(database: Database, store: FileStore, archive: Archive) -> None:
    first = keep(store, archive, b"media", "one.ts")

    with pytest.raises(Conflict) as refused:
        keep(store, archive, b"media", "two.ts")

    assert refused.value.details == {"sample_id": first}
    assert len([path for path in store.root.rglob("*") if path.is_file()]) == 1
