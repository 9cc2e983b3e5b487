"""Databases without a schema, for those tests that give them one; and stores of files."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.storage.files.backends import Backend, LocalBackend
from api.storage.files.circuit_breaker import CircuitBreaker
from api.storage.files.incoming import FileStore
from tests.mariadb import Server
from tests.storage.files.emulator import Emulator, running_emulator
from tests.storage.files.file_stores import Kept, archive_of, bucket_at, link


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which nothing is."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Server = request.getfixturevalue("mariadb_server")
    url = server.create_database()
    yield url.render_as_string(hide_password=False)
    server.drop_database(url)


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("bucket")) as emulator:
        yield emulator


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Emulator:
    shared_emulator.clear()
    return shared_emulator


@pytest.fixture
def local(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "files", link)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Backend:
    if request.param == "local":
        return request.getfixturevalue("local")  # type: ignore[no-any-return]
    emulator = request.getfixturevalue("emulator")
    return bucket_at(emulator.endpoint, emulator)


@pytest.fixture
def kept(request: pytest.FixtureRequest, local: LocalBackend, emulator: Emulator, tmp_path: Path) -> Kept:
    bucket = CircuitBreaker(bucket_at(emulator.endpoint, emulator), timeout=10.0, threads=4)
    stores: list[Backend] = {"local": [local], "gcs": [bucket], "both": [local, bucket]}[request.param]
    sent_on: list[str] = []
    files = FileStore(tmp_path / "files")
    files.prepare()
    return Kept(archive_of(stores, sent_on.append), stores, files, sent_on)
