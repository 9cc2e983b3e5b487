"""What the server's sweep removes of the file store: what nobody will ever take in, and nothing else."""
from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from api.storage.backends import INCOMING
from api.storage.files import FileStore
from api.sweeper import ABANDONED_AFTER, TIDYING_EVERY, Sweeper
from tests.builders import NOW
from tests.databases import Database
from tests.execution.jobs.agent.agents import Clock

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    made = FileStore(tmp_path / "store")
    made.prepare()
    return made


def add(store: FileStore, name: str, written_at: datetime) -> Path:
    path = store.root / INCOMING / name
    path.write_bytes(b"half of a file")
    os.utime(path, (written_at.timestamp(), written_at.timestamp()))
    return path


def test_files_that_were_abandoned_on_their_way_in_are_removed(sqlite_database: Database, store: FileStore) -> None:
    old = add(store, "upload-1", NOW - ABANDONED_AFTER - SECOND)
    written_to, others = add(store, "upload-2", NOW - ABANDONED_AFTER + SECOND), add(store, "notes", NOW - 9 * ABANDONED_AFTER)

    Sweeper(sqlite_database.app, lambda: NOW, every=3600, files=store).sweep()

    assert [path.exists() for path in (old, written_to, others)] == [False, True, True]


def test_they_are_looked_for_again_after_a_while(sqlite_database: Database, store: FileStore) -> None:
    clock = Clock()
    sweeper = Sweeper(sqlite_database.app, clock, every=3600, files=store)
    sweeper.sweep()
    left = add(store, "upload-1", NOW - ABANDONED_AFTER)
    clock.advance(TIDYING_EVERY.total_seconds() - 1)
    sweeper.sweep()
    kept = left.exists()
    clock.advance(1)

    sweeper.sweep()

    assert (kept, left.exists()) == (True, False)
