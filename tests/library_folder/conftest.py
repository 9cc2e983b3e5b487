"""A library's folder, and a database and a store to import it into."""
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.domain.catalog.change import Editor
from api.library_folder.exporting import Export
from api.library_folder.importing import import_folder
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.files.incoming import FileStore
from tests.builders import NOW
from tests.databases import Database

CONTENT: Mapping[str, Any] = {
    "tags": [{"name": "dvb", "description": "Digital"}],
    "categories": [{"name": "DVB", "description": "Of television"}, {"name": "Text"}],
    "samples": [
        {"file": "samples/news.ts", "name": "Evening news.ts", "tags": ["dvb"], "notes": "Off air."}, {"file": "samples/film.mp4"}],
    "regression_tests": [
        {"sample": "samples/news.ts", "command": "-out=srt", "categories": ["DVB", "Text"], "description": "The first",
         "outputs": [{"extension": ".srt", "baseline": "baselines/news.srt", "variants": ["baselines/other.srt"]},
                     {"extension": ".srt", "suffix": "_2", "ignored": True}]},
        {"sample": "samples/film.mp4", "command": "-out=null", "output_type": "null", "expected_exit_code": 10, "active": False}]}
FILES = {
    "samples/news.ts": b"news", "samples/film.mp4": b"film", "baselines/news.srt": b"1\nNews\n", "baselines/other.srt": b"1\nNEWS\n"}


@dataclass
class Library:
    """A folder with a library, and what it is imported into."""

    folder: Path
    root: Path
    archive: Archive
    store: FileStore

    def write(self, content: Any = CONTENT) -> None:
        """Put the YAML file and the files that CONTENT names into the folder."""
        for name, written in FILES.items():
            place = self.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(written)
        (self.folder / "library.yaml").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    def bring(self, *, dry: bool = False) -> list[tuple[str, str]]:
        """Import the folder, and return what was told."""
        told: list[tuple[str, str]] = []
        import_folder(
            self.folder, self.archive, self.store, Editor(None, "a test"), NOW, lambda what, about: told.append((what, about)), dry=dry)
        return told

    def take(self, folder: Path) -> list[str]:
        """Export into another folder, and return what was in no store."""
        folder.mkdir(exist_ok=True)
        export = Export(folder, self.archive)
        export.carry_out()
        return export.lost

    def stored(self) -> set[str]:
        """The files in the store."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def library(database: Database, tmp_path: Path) -> Library:
    """A folder that is written already."""
    root = tmp_path / "store"
    store, local = FileStore(root), LocalBackend(root, lambda ticket: "")
    store.prepare()
    archive = Archive([local], clock=lambda: NOW, link_lifetime=timedelta(hours=1), send_on=lambda name: None)
    made = Library(tmp_path / "library", root, archive, store)
    made.write()
    return made
