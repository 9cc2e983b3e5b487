"""What is sent to a database beside statements, and connections that the server closed."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import func, insert, select, text

from api.storage import mariadb
from api.storage.connections import LOCK_TIMEOUT
from api.storage.database import read, session, transact, transaction
from api.storage.platform_tables import TagRow
from tests.databases import Database, opened
from tests.e2e.processes import eventually
from tests.mariadb import PrivateServer
from tests.traffic import sent

TIMEOUT = 20.0


def count_tags() -> int:
    """How many tags there are, read by a session that begins and ends."""
    found = session().execute(select(func.count()).select_from(TagRow)).scalar_one()
    session().rollback()
    return found


def add_tag(name: str) -> None:
    session().execute(insert(TagRow).values(name=name))


def lose_tag() -> None:
    add_tag("lost")
    raise ZeroDivisionError


def connection_id() -> int:
    """Which of the server's connections sessions of this thread get just now."""
    found: int = session().execute(text("SELECT CONNECTION_ID()")).scalar_one()
    session().rollback()
    return found


def first_words(words: list[str]) -> list[str]:
    return [each.split()[0] for each in words]


def test_a_read_sends_its_statements_and_nothing_else(database: Database) -> None:
    count_tags()

    with sent(database.engine) as words:
        session().execute(select(TagRow.id))
        count_tags()
        session().commit()

    assert first_words(words) == ["SELECT", "SELECT"]


def test_an_answer_is_read_by_its_own_columns_whatever_those_of_the_same_words_were_before(database: Database) -> None:
    said = text("SELECT * FROM told")
    answers = []
    for columns, values in (("one INT", "1"), ("one VARCHAR(9)", "'1'"), ("other INT, one INT", "2, 1")):
        with transaction():
            session().execute(text(f"CREATE TABLE told ({columns})"))
            session().execute(text(f"INSERT INTO told VALUES ({values})"))
        answers.append([row._asdict() for row in read(said)])
        with transaction():
            session().execute(text("DROP TABLE told"))

    assert answers == [[{"one": 1}], [{"one": "1"}], [{"other": 2, "one": 1}]]


def test_a_read_within_a_transaction_has_what_that_has_written(database: Database) -> None:
    names = select(TagRow.name)

    with transaction():
        add_tag("written")
        within = read(names)
        session().rollback()

    assert within == [("written",)]
    assert read(names) == []


def test_a_writer_sends_one_beginning_and_one_end(database: Database) -> None:
    count_tags()
    with sent(database.engine) as words:
        transact(partial(add_tag, "kept"))
        with pytest.raises(ZeroDivisionError):
            transact(lose_tag)

    assert first_words(words) == ["BEGIN", "INSERT", "COMMIT", "BEGIN", "INSERT", "ROLLBACK"]
    assert session().execute(select(TagRow.name)).scalars().all() == ["kept"]


def test_how_long_to_wait_is_told_only_by_a_writer_who_waits_another_time_than_the_last_one(database: Database) -> None:
    transact(partial(add_tag, "a"))
    with sent(database.engine) as words:
        for wait in (LOCK_TIMEOUT, 3.0, 3.0, LOCK_TIMEOUT):
            with transaction(wait=wait):
                pass
            count_tags()

    told = "PRAGMA" if database.is_sqlite else "SET"
    assert [each for each in first_words(words) if each not in ("BEGIN", "COMMIT", "ROLLBACK")] == [
        "SELECT", told, "SELECT", "SELECT", told, "SELECT"]


def test_what_one_statement_of_a_writer_wrote_nobody_sees_before_its_end(database: Database) -> None:
    with transaction():
        add_tag("a")
        [within] = database.together(count_tags)

    assert (within, count_tags()) == (0, 1)


def test_each_statement_of_a_read_sees_what_was_committed_before_it(database: Database) -> None:
    counting = select(func.count()).select_from(TagRow)
    before = session().execute(counting).scalar_one()

    database.together(lambda: transact(partial(add_tag, "a")))

    assert (before, session().execute(counting).scalar_one()) == (0, 1)


@contextmanager
def elsewhere(url: str) -> Iterator[Callable[[str], list[object]]]:
    """Execute statements on a connection of another application."""
    with opened(url, migrated=False) as other:
        def execute(statement: str) -> list[object]:
            connection = other.engine.raw_connection()
            cursor = connection.cursor()
            cursor.execute(statement)
            found = list(cursor.fetchall())
            connection.close()
            return found

        yield execute


def kill(database: Database, number: int) -> None:
    with elsewhere(database.url) as execute:
        execute(f"KILL {number}")


def outwait(database: Database, number: int) -> None:
    session().execute(text("SET SESSION wait_timeout = 1"))
    session().rollback()
    with elsewhere(database.url) as execute:
        eventually(lambda: not execute(f"SELECT id FROM information_schema.processlist WHERE id = {number}"), "the end of the connection")


@pytest.mark.mariadb
@pytest.mark.parametrize("close", [kill, outwait], ids=["killed", "idle for longer than the server waits"])
@pytest.mark.parametrize("work", [count_tags, partial(transact, partial(add_tag, "a"))], ids=["read", "write"])
def test_a_connection_that_the_server_closed_is_replaced(
    mariadb_database: Database, close: Callable[[Database, int], None], work: Callable[[], object],
) -> None:
    closed = connection_id()
    close(mariadb_database, closed)

    with sent(mariadb_database.engine) as words:
        work()

    assert first_words(words)[0] == "PING"
    assert connection_id() != closed


@pytest.mark.mariadb
@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
def test_after_the_servers_restart_all_go_on(mariadb: PrivateServer, is_killed: bool) -> None:
    with opened(mariadb.server.create_database().render_as_string(hide_password=False)) as database:
        database.together(*[partial(transact, partial(add_tag, f"{number}")) for number in range(4)])
        mariadb.stop(kill=is_killed)
        mariadb.start()

        counts = [count_tags() for _ in range(5)]

    assert counts == [4] * 5


@pytest.mark.mariadb
def test_a_connection_that_was_idle_for_long_is_asked_whether_it_lives(
    mariadb_database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = connection_id()
    monkeypatch.setattr(mariadb, "TRUSTED_SECONDS", -1.0)

    with sent(mariadb_database.engine) as words:
        count_tags()

    assert first_words(words) == ["PING", "SELECT"]
    assert connection_id() == known


@pytest.mark.mariadb
def test_a_server_that_is_set_up_without_autocommit_is_read_as_any_other(mariadb: PrivateServer) -> None:
    url = mariadb.server.create_database().render_as_string(hide_password=False)
    with elsewhere(url) as execute:
        execute("SET GLOBAL autocommit = 0")

    with opened(url) as database:
        transact(partial(add_tag, "a"))
        with sent(database.engine) as words:
            counts = [count_tags(), count_tags()]

    assert (counts, first_words(words)) == ([1, 1], ["SELECT", "SELECT"])
