"""The maker of media info: each sample is described once, whatever happens meanwhile."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from api.background.inspector import ATTEMPTS, LEASE, Inspector
from api.domain.catalog.change import Editor
from api.domain.catalog.media_info import Unreadable
from api.domain.catalog.new_sample import FileName
from api.services.catalog.library_samples import ReceivedFile, delete_sample, keep_sample
from api.storage.catalog.samples import load_sample
from api.storage.files.archive import Archive
from api.storage.files.backends import LocalBackend
from api.storage.files.incoming import FileStore
from tests.builders import NOW
from tests.databases import Database

BY = Editor(None, "a test")
XML = b"<MediaInfo/>"


@dataclass
class Bench:
    """An inspector with its store and its clock, and whatever describes the files."""

    root: Path
    archive: Archive
    store: FileStore
    inspector: Inspector
    now: list[datetime]
    seen: list[tuple[bytes, str]] = field(default_factory=list)
    says: Callable[[], bytes] = lambda: XML

    def describe(self, path: Path, name: str) -> bytes:
        self.seen.append((path.read_bytes(), name))
        return self.says()

    def add(self, content: bytes = b"media") -> int:
        with self.store.receive() as incoming:
            incoming.write(content)
            return keep_sample(ReceivedFile(incoming, FileName("a.ts", "ts"), content), self.archive, BY, self.now[0])

    def stored(self, sample_id: int) -> bytes | None:
        path = self.root / "TestFiles" / "media" / f"{load_sample(sample_id).sha}.xml"
        return path.read_bytes() if path.exists() else None


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Bench:
    """An inspector on either database."""
    now = [NOW]
    store, local = FileStore(tmp_path), LocalBackend(tmp_path, lambda ticket: "")
    store.prepare()
    archive = Archive([local], clock=lambda: now[0], link_lifetime=timedelta(hours=1), send_on=lambda name: None)
    made: list[Bench] = []
    inspector = Inspector(
        database.app, archive, local, store, clock=lambda: now[0], describe=lambda path, name: made[0].describe(path, name))
    made.append(Bench(tmp_path, archive, store, inspector, now))
    return made[0]


def test_each_new_sample_is_described_once_the_oldest_first(bench: Bench) -> None:
    first = bench.add(b"first")
    bench.now[0] += timedelta(seconds=1)
    second = bench.add(b"second")

    done = [bench.inspector.describe_next() for _ in range(3)]

    assert done == [True, True, None]
    assert bench.seen == [(b"first", f"/{load_sample(first).sha}.ts"), (b"second", f"/{load_sample(second).sha}.ts")]
    assert (bench.stored(first), bench.stored(second)) == (XML, XML)


def test_a_file_that_cannot_be_described_is_not_tried_again(bench: Bench) -> None:
    def fail() -> bytes:
        raise Unreadable("broken")

    bench.says = fail
    sample_id = bench.add()

    assert [bench.inspector.describe_next() for _ in range(2)] == [False, None]
    assert bench.stored(sample_id) is None


def test_a_file_whose_inspectors_die_is_given_up(bench: Bench) -> None:
    def die() -> bytes:
        raise KeyboardInterrupt

    bench.says = die
    bench.add()
    for _ in range(ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            bench.inspector.describe_next()
        assert bench.inspector.describe_next() is None
        bench.now[0] += LEASE

    assert [bench.inspector.describe_next() for _ in range(2)] == [False, None]
    assert len(bench.seen) == ATTEMPTS


def test_of_a_sample_that_is_deleted_meanwhile_nothing_is_kept(bench: Bench) -> None:
    sample_id = bench.add()

    def delete() -> bytes:
        delete_sample(sample_id, None, bench.archive, BY, NOW)
        return XML

    bench.says = delete
    bench.inspector.describe_next()

    assert [path for path in (bench.root / "TestFiles").rglob("*") if path.is_file()] == []
