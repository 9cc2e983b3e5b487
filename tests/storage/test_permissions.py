"""Who may read what is stored: nobody else, or those whom the settings name; never whom the umask happens to let in."""
from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from api.config import ConfigurationError, Settings
from api.host.permissions import PRIVATE, Permissions
from api.installation import file_permissions
from api.jobs.files import JobFiles
from api.storage import database
from api.storage.auth.signing_key_file import load_secret
from api.storage.database import db
from api.storage.files.backends import LocalBackend
from api.storage.files.incoming import FileStore
from api.storage.jobs.projects import open_project
from tests.builders import NOW
from tests.job_stores import store_on_disk

JOB = "6832c960-b9e2-45d9-a9a7-58ee942b049f"


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o027], ids=lambda umask: f"{umask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask that whoever started us had."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(root: Path) -> set[tuple[str, int]]:
    """What kinds of things lie below a folder, and with what modes."""
    return {("folder" if path.is_dir() else "file", stat.S_IMODE(path.stat().st_mode)) for path in root.rglob("*")}


def fill(store: FileStore) -> None:
    """Let files come in on every way."""
    store.prepare()
    with store.receive() as incoming:
        incoming.write(b"output")
        incoming.place(store.root / "TestResults" / "output.srt")


@pytest.mark.usefixtures("umask")
def test_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    root, source = tmp_path / "instance" / "files", tmp_path / "source"
    source.write_bytes(b"log")

    fill(FileStore(root))
    LocalBackend(root, lambda ticket: "").put("LogFiles/7/3.txt", source)
    load_secret(root)

    assert modes(tmp_path / "instance") == {("folder", 0o700), ("file", 0o600)}


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mode", "of_folders"), [(0o640, 0o750), (0o660, 0o770), (0o644, 0o755), (0o664, 0o775)])
def test_a_store_that_is_shared_takes_mode_and_group_from_the_settings_but_for_jobs_and_secrets(
    tmp_path: Path, mode: int, of_folders: int,
) -> None:
    group = max(os.getgroups() or [os.getegid()])
    store = FileStore(tmp_path / "files", Permissions(mode, group))

    fill(store)
    shared = modes(store.root)
    groups = {path.stat().st_gid for path in store.root.rglob("*")}
    load_secret(store.root)
    project = open_project(store, JOB, reserve=0)
    project.file.write(b"zip")
    project.keep(store_on_disk(store.root))
    project.file.discard()

    assert (shared, groups) == ({("folder", of_folders), ("file", mode)}, {group})
    assert stat.S_IMODE((store.root / ".ci-signing-key").stat().st_mode) == 0o600
    assert modes(store.root / "Jobs") == {("folder", 0o700), ("file", 0o600)}
    assert stat.S_IMODE((store.root / "Jobs").stat().st_mode) == 0o700


@pytest.mark.usefixtures("umask")
def test_what_an_attempt_leaves_is_its_owners_alone(tmp_path: Path) -> None:
    attempt = JobFiles(tmp_path / "files").attempt(JOB, 1, 1)

    attempt.prepare({"command": "true"}, NOW)
    attempt.ask_cancel()

    assert modes(tmp_path / "files") == {("folder", 0o700), ("file", 0o600)}


@pytest.mark.usefixtures("umask")
def test_an_sqlite_database_is_its_owners_alone_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    flask = Flask("test")
    database.attach(flask, f"sqlite:///{tmp_path}/instance/ci.db", pool_size=1)

    with flask.app_context(), db.engine.connect() as connection:
        connection.execute(text("CREATE TABLE secrets (secret TEXT)"))
        found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "instance").iterdir()}
        db.engine.dispose()

    assert found == {"ci.db": 0o600, "ci.db-wal": 0o600, "ci.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) == 0o700


def test_a_database_that_is_there_keeps_its_mode_and_its_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ci.db"
    path.touch(0o640)
    opened: list[str] = []
    really = os.open

    def watched(name: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        descriptor = really(name, flags, mode, dir_fd=dir_fd)
        opened.append(str(name))
        return descriptor

    monkeypatch.setattr(os, "open", watched)

    database.attach(Flask("test"), f"sqlite:///{path}", pool_size=1)

    # Closing any descriptor of the file would free the locks that this process has on it.
    assert str(path) not in opened
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_folders_and_files_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "TestResults").mkdir(mode=0o755)
    (tmp_path / "TestResults").chmod(0o775)
    (tmp_path / "log").touch()
    (tmp_path / "log").chmod(0o664)

    FileStore(tmp_path).prepare()
    os.close(PRIVATE.open(tmp_path / "log", os.O_WRONLY))

    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("TestResults", "log")] == [0o775, 0o664]


def test_a_group_that_is_none_of_ours_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    settings = Settings(file_mode="0640", file_group=str(os.getegid()))

    assert file_permissions(settings) == Permissions(0o640, os.getegid())
    for group in ("no-such-group", "54321"):
        with pytest.raises(ConfigurationError, match="CI_FILE_GROUP"):
            file_permissions(replace(settings, file_group=group))
