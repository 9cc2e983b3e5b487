"""Migrating on the command line: an empty database, one that is current, one of a platform, and back."""
from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands.conftest import Call
from tests.e2e.processes import free_port


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configured database is, or is to be."""
    monkeypatch.setenv("CI_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'ci.db'}")
    return tmp_path / "new" / "ci.db"


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.fixture
def migrated(bare_call: Call, path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line of an empty database that was migrated. The fixture's own variables come first."""
    monkeypatch.setenv("CI_DATABASE_URL", f"sqlite:///{path}")
    assert bare_call("migrate").output == "The database is ready.\n"
    return bare_call


def test_an_empty_database_is_made_ready(migrated: Call, path: Path) -> None:
    assert {"test", "user", "ci_run", "ci_shard"} <= tables(path)


def test_a_second_time_changes_nothing(migrated: Call, path: Path) -> None:
    before = tables(path)

    said = migrated("migrate")

    assert (said.status, said.output) == (0, "The database is ready.\n")
    assert tables(path) == before


def test_a_downgrade_takes_away_what_was_added(migrated: Call, path: Path) -> None:
    said = migrated("migrate", "--downgrade")

    assert (said.status, said.output) == (0, "The database is as it was before this server.\n")
    assert tables(path) == set()


@pytest.mark.parametrize("words", [("users", "list"), ("tokens", "list", "ada@example.test")], ids=lambda w: w[0])
def test_a_command_on_a_database_without_the_migration_says_what_to_do(
    bare_call: Call, tmp_path: Path, words: tuple[str, ...],
) -> None:
    said = bare_call(*words, CI_DATABASE_URL=f"sqlite:///{tmp_path / 'other.db'}", SAMPLE_REPOSITORY=str(tmp_path / "files"))

    assert (said.status, said.errors) == (2, "ci-api: The database lacks a migration: run `ci-api migrate` first.\n")


def test_a_database_that_is_away_is_said_in_one_line(bare_call: Call) -> None:
    said = bare_call("migrate", CI_DATABASE_URL=f"mysql+pymysql://ci:secret@127.0.0.1:{free_port()}/ci")

    assert (said.status, said.errors) == (
        1, "ci-api: The database does not answer; check CI_DATABASE_URL, and that the server behind it runs.\n")


@pytest.mark.parametrize("words", [("migrate",), ("migrate", "--downgrade"), ("users", "list")], ids=" ".join)
def test_a_database_of_another_version_is_refused_in_a_sentence(migrated: Call, path: Path, words: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE ci_schema_version SET version_num = '9999'")

    said = migrated(*words)

    assert (said.status, said.output) == (2, "")
    assert said.errors.startswith("ci-api: Another version of this server migrated the database.")
