"""Databases for tests: the same tests run over SQLite and MariaDB."""
from __future__ import annotations

import gc
import os
import pickle
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings
from sqlalchemy import Connection, Engine, event

from api.specfirst.binding.documents import Document, load
from tests.databases import Database, opened
from tests.examples import examples
from tests.mariadb import PROGRAMS, PrivateServer, Server, private_server, running_server, why_absent
from tests.parts import lacking, need

# A folder in memory, and how many bytes must be free there for all that the tests write.
MEMORY, ENOUGH = "/dev/shm", 4 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Say what markers mean; keep temporary files in memory, where no database waits for a disk; let no property fail for being slow."""
    config.addinivalue_line("markers", "mariadb: needs a MariaDB server")
    # A busy machine is no fault.
    settings.register_profile("untimed", deadline=None, max_examples=examples(100, part=2))
    settings.load_profile("untimed")
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK):
        memory = os.statvfs(MEMORY)
        if memory.f_bavail * memory.f_frsize >= ENOUGH and not memory.f_flag & os.ST_NOEXEC:
            os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass by the tests themselves, which stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away the disks of agents that were killed: else pytest could not delete its folders of before."""
    yield
    mounts, own = Path("/proc/self/mounts"), f"{tmp_path_factory.getbasetemp()}/"
    places = [line.split()[1] for line in mounts.read_text().splitlines()] if mounts.is_file() else []
    for place in (each for each in reversed(places) if each.startswith(own)):
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture(scope="session", autouse=True)
def _documents_once() -> Iterator[None]:
    """Parse a document once for all servers made of it: this is most of what making one takes."""
    parsed: dict[bytes, bytes] = {}

    def load_once(document: Document) -> Any:
        content = document.path.read_bytes()
        if content not in parsed:
            parsed[content] = pickle.dumps(load(document))
        return pickle.loads(parsed[content])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.app.load", load_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _writers_begin() -> Iterator[None]:
    """Refuse to write, or to lock, outside a writer's transaction: what is written would be committed at once, and the lock given back."""
    def look(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE", "SAVEPOINT")) or statement.endswith("FOR UPDATE"):
            assert connection.get_execution_options().get("ci_writes"), f"outside a transaction: {statement}"

    event.listen(Engine, "before_cursor_execute", look)
    yield
    event.remove(Engine, "before_cursor_execute", look)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file, from which each test's own is copied."""
    path = tmp_path_factory.mktemp("template") / "ci.db"
    with opened(f"sqlite:///{path}") as database, database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def sqlite_path(sqlite_template: Path, tmp_path: Path) -> Path:
    """A migrated, empty SQLite file of this test."""
    return Path(shutil.copy(sqlite_template, tmp_path / "ci.db"))


@pytest.fixture
def sqlite_database(sqlite_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite database, within an application context."""
    with opened(f"sqlite:///{sqlite_path}", migrated=False) as database:
        yield database


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB server; the test is skipped where none can be had."""
    reason = why_absent()
    if reason:
        lacking(reason)
    with running_server() as server:
        yield server


@pytest.fixture
def mariadb() -> Iterator[PrivateServer]:
    """A MariaDB of this test's own, that can be stopped, killed and started again, and keeps what it was told."""
    for program in PROGRAMS:
        need(program)
    with private_server(durable=True) as private:
        yield private


@pytest.fixture(scope="session")
def mariadb_url(mariadb_server: Server) -> Iterator[str]:
    """A migrated MariaDB database that the session's tests share, one after another."""
    url = mariadb_server.create_database()
    text = url.render_as_string(hide_password=False)
    with opened(text):
        pass
    yield text
    mariadb_server.drop_database(url)


@pytest.fixture
def mariadb_database(mariadb_url: str) -> Iterator[Database]:
    """A migrated, empty MariaDB database, within an application context."""
    with opened(mariadb_url, migrated=False) as database:
        database.empty()
        yield database


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated, empty database within an application context, on either kind of server."""
    return cast(Database, request.getfixturevalue(f"{request.param}_database"))
