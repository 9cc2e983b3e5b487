"""What the server's sweep removes of the file store: what nobody will ever take in, and nothing else."""
from __future__ import annotations

import errno
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from api.background.lease_grace import LeaseGrace
from api.background.sweeper import ABANDONED_AFTER, Sweeper
from api.services.runs.leases import claim_run
from api.storage.database import attach, session
from api.storage.files.backends import INCOMING, LocalBackend, staged_name
from api.storage.files.incoming import FileStore
from api.storage.files.paths import shard_file_name
from api.storage.files.repair import Repair
from api.storage.runs.leases import Holder
from api.storage.tables.runs import RunRow
from api.supervision.loop import Background
from tests.builders import MAIN_REPOSITORY, NOW, add_run
from tests.databases import Database
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import archive_of, bucket_at

SECOND, LEASE = timedelta(seconds=1), timedelta(minutes=1)


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


def refuse(*arguments: object, **options: object) -> None:
    raise OSError("killed")


def test_files_that_were_abandoned_on_their_way_in_are_removed(sqlite_database: Database, store: FileStore) -> None:
    old = add(store, "upload-1", NOW - ABANDONED_AFTER - SECOND)
    written_to, others = add(store, "upload-2", NOW - ABANDONED_AFTER + SECOND), add(store, "notes", NOW - 9 * ABANDONED_AFTER)

    Sweeper(sqlite_database.app, lambda: NOW, store).sweep()

    assert [path.exists() for path in (old, written_to, others)] == [False, True, True]


def test_a_copy_whose_process_was_killed_is_removed(
    sqlite_database: Database, store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend, source = LocalBackend(store.root, lambda ticket: ""), tmp_path / "source"
    source.write_bytes(b"a sample")
    with monkeypatch.context() as killed:
        killed.setattr(os, "replace", refuse)
        killed.setattr(Path, "unlink", refuse)
        with pytest.raises(OSError, match="killed"):
            backend.put("TestFiles/a.ts", source)
    left = list((store.root / INCOMING).iterdir())
    os.utime(left[0], (0, 0))

    Sweeper(sqlite_database.app, lambda: NOW, store).sweep()

    assert (len(left), left[0].exists()) == (1, False)


def test_a_repair_whose_process_was_killed_leaves_nothing_for_ever(
    sqlite_database: Database, store: FileStore, tmp_path: Path,
) -> None:
    local, bucket = LocalBackend(store.root, lambda ticket: ""), LocalBackend(tmp_path / "bucket", lambda ticket: "")
    (tmp_path / "source").write_bytes(b"a sample")
    bucket.put("TestFiles/a.ts", tmp_path / "source")
    seen: list[Path] = []

    class Killed(LocalBackend):
        def put(self, name: str, source: Path) -> None:
            os.link(source, store.root / INCOMING / f"{source.name}-left")
            seen.extend((store.root / INCOMING).glob("*-left"))

    list(Repair(Killed(store.root, lambda ticket: ""), bucket, store.root / INCOMING).repair(["TestFiles/a.ts"]))
    os.utime(seen[0], (0, 0))

    Sweeper(sqlite_database.app, lambda: NOW, store).sweep()

    assert (local.stat("TestFiles/a.ts"), seen[0].exists()) == (None, False)


def test_a_run_whose_lease_passed_while_the_server_was_away_is_given_up_when_its_machine_had_time_to_renew_it(
    sqlite_database: Database,
) -> None:
    run_id = add_run()
    claimed = claim_run(Holder("linux-1", "a session"), "linux", MAIN_REPOSITORY, now=NOW, lease=LEASE)
    session().commit()

    def status(lease: timedelta) -> str:
        Sweeper(sqlite_database.app, lambda: NOW, lease=lease).give_up_lost()
        session().rollback()
        return session().get_one(RunRow, run_id, populate_existing=True).status

    assert claimed is not None
    assert [status(LEASE), status(timedelta(0))] == ["running", "canceled"]


def test_leases_count_after_the_time_of_one_since_the_last_failure() -> None:
    grace = LeaseGrace(LEASE)
    early, late = grace.is_over(NOW), grace.is_over(NOW + LEASE)
    with pytest.raises(OSError, match="away"), grace.watched():
        raise OSError("away")

    assert (early, late) == (False, True)
    assert [grace.is_over(NOW + LEASE), grace.is_over(NOW + 2 * LEASE)] == [False, True]


class Broken(FileStore):
    """A file store on a network file system that is away."""

    def remove_abandoned(self, before: datetime) -> int:
        """Fail."""
        raise OSError(errno.ESTALE, "Stale file handle")


def run_once(sweeper: Sweeper) -> dict[str, int]:
    """Run each part once, as the server does; how often each failed."""
    background = Background()
    background.add(sweeper.tasks(every=30))
    for loop in background._loops:
        loop.run_once()
    return {each.name: each.failures for each in background.states() if each.failures}


def test_a_file_store_that_is_away_keeps_the_sweep_from_nothing_else(sqlite_database: Database, tmp_path: Path) -> None:
    run_id = add_run()
    session().commit()

    failed = run_once(Sweeper(sqlite_database.app, lambda: NOW, Broken(tmp_path)))

    session().rollback()
    assert failed == {"abandoned_files": 1}
    assert session().get(RunRow, run_id) is not None


def test_a_database_that_is_away_fails_each_part_that_needs_it_and_no_other(tmp_path: Path, store: FileStore) -> None:
    app = Flask("away")
    attach(app, f"sqlite:///{tmp_path / 'no tables.db'}", pool_size=2)
    left = add(store, "upload-1", NOW - 2 * ABANDONED_AFTER)

    failed = run_once(Sweeper(app, lambda: NOW, store))

    assert failed == dict.fromkeys(("platform_sync", "token_fingerprints", "lost_runs", "verdicts", "late_results"), 1)
    assert not left.exists()


def test_the_parts_of_a_run_that_nobody_executes_and_what_was_staged_are_removed(
    sqlite_database: Database, store: FileStore, emulator: Emulator,
) -> None:
    archive = archive_of([bucket_at(emulator.endpoint, emulator)])
    staged = [staged_name(NOW - timedelta(days=days)) for days in (1, 2)]
    for name in (*staged, shard_file_name(add_run(), 0, "log")):
        emulator.put(name, b"half of a file")

    Sweeper(sqlite_database.app, lambda: NOW, store, archive=archive).sweep()

    assert emulator.names() == staged[:1]
