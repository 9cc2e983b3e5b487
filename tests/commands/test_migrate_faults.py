"""Migrations that the database or its account refuses: each says in one line what the cause is, and never the password."""
from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine

from api.storage import database
from tests.commands.conftest import Call, Said
from tests.e2e.processes import free_port
from tests.mariadb import PrivateServer, Server

SECRET = "hunter2-is-secret"


def execute(url: URL, *statements: str) -> list[tuple[object, ...]]:
    """Execute statements as the server's root; the rows of the last one."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def migrate(call: Call, url: URL | str) -> Said:
    return call("migrate", CI_DATABASE_URL=url if isinstance(url, str) else url.render_as_string(hide_password=False))


@pytest.mark.mariadb
def test_a_server_whose_tables_are_compact_by_default_is_migrated_all_the_same(bare_call: Call, mariadb: PrivateServer) -> None:
    url = mariadb.server.create_database()
    execute(url, "SET GLOBAL innodb_default_row_format=compact")

    said = migrate(bare_call, url)

    formats = execute(url, f"SELECT DISTINCT row_format FROM information_schema.tables WHERE table_schema = '{url.database}'")
    assert (said.status, said.output, said.errors) == (0, "The database is ready.\n", "")
    assert {each for each, in formats} <= {"Dynamic", "Compact"}
    wrong = execute(
        url, f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{url.database}' AND row_format = 'Compact'")
    assert wrong == [("ci_schema_version",)]


@pytest.mark.mariadb
@pytest.mark.parametrize(("account", "password", "name", "told"), [
    ("reader", SECRET, None, "lacks a privilege: CREATE. A migration needs CREATE, ALTER, DROP, INDEX and REFERENCES"),
    ("reader", "wrong-" + SECRET, None, "The database refuses the account or its password"),
    ("reader", SECRET, "mysql", "may not use this database"),
    ("root", "", "no_such_name", "has no database of the name in CI_DATABASE_URL"),
], ids=["no CREATE", "wrong password", "another database", "no database"])
def test_what_a_server_refuses_is_said(
    bare_call: Call, mariadb_server: Server, account: str, password: str, name: str | None, told: str,
) -> None:
    url = mariadb_server.create_database()
    execute(
        url, f"CREATE OR REPLACE USER reader@localhost IDENTIFIED BY '{SECRET}'",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {url.database}.* TO reader@localhost")

    said = migrate(bare_call, url.set(username=account, password=password, database=name or url.database))

    mariadb_server.drop_database(url)
    assert (said.status, said.output) == (1, "")
    assert said.errors.startswith("ci-api: ") and told in said.errors and said.errors.count("\n") == 1
    assert SECRET not in said.errors


@pytest.mark.mariadb
def test_a_server_that_is_read_only_is_called_that(bare_call: Call, mariadb: PrivateServer) -> None:
    url = mariadb.server.create_database()
    execute(url, f"CREATE USER writer@localhost IDENTIFIED BY '{SECRET}'", f"GRANT ALL ON {url.database}.* TO writer@localhost",
            "SET GLOBAL read_only=1")

    said = migrate(bare_call, url.set(username="writer", password=SECRET))

    assert said.status == 1 and "the server is read-only" in said.errors


@pytest.mark.parametrize(("host", "told"), [
    ("no-such-host.invalid", "The host that CI_DATABASE_URL names is not known"), ("127.0.0.1", "The database does not answer")])
def test_a_server_that_cannot_be_reached_is_told_from_a_host_that_is_not_known(bare_call: Call, host: str, told: str) -> None:
    said = migrate(bare_call, f"mysql+pymysql://ci:{SECRET}@{host}:{free_port()}/ci")

    assert said.status == 1 and said.errors.startswith(f"ci-api: {told}")
    assert SECRET not in said.errors


def test_an_sqlite_file_that_another_process_keeps_locked_is_said_to_be(
    bare_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 1)
    with closing(sqlite3.connect(tmp_path / "ci.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN IMMEDIATE")

        said = bare_call("migrate", CI_DATABASE_URL=f"sqlite:///{tmp_path / 'ci.db'}")

    assert (said.status, said.errors) == (
        1, "ci-api: Another process keeps the SQLite file locked; end it, or try again when it is done.\n")


@pytest.mark.parametrize(("name", "status", "told"), [
    ("file/new/ci.db", 2, "CI_DATABASE_URL: the folder of this file cannot be made: Not a directory."),
    ("folder", 1, "The SQLite file cannot be opened: check that CI_DATABASE_URL names a file, in a folder that may be written to."),
    ("file", 1, "The file that CI_DATABASE_URL names is no SQLite database."),
])
def test_an_sqlite_file_that_cannot_be_used_is_said_to_be(
    bare_call: Call, tmp_path: Path, name: str, status: int, told: str,
) -> None:
    (tmp_path / "file").write_bytes(b"These are words, and no database. " * 100)
    (tmp_path / "folder").mkdir()

    said = migrate(bare_call, f"sqlite:///{tmp_path / name}")

    assert (said.status, said.errors) == (status, f"ci-api: {told}\n")
