"""Writers that wait for others: no longer than they were told to, however often they try."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, cycle, repeat

import pytest
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError

from api.storage import database as storage_database
from api.storage.database import ATTEMPTS, LOCK_TIMEOUT, MAX_PAUSE, TransactionConflict, attach, db, session, transact
from api.storage.outage import is_outage
from api.storage.platform_tables import GeneralDataRow
from tests.databases import Database

HURRY = 0.2
WAITS = ("PRAGMA busy_timeout", "SELECT @@innodb_lock_wait_timeout")


@contextmanager
def short_lock_timeout(database: Database) -> Iterator[None]:
    """The same database for another application, whose writers hardly wait."""
    app = Flask("short_lock_timeout")
    attach(app, database.url, pool_size=2)
    with app.app_context(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(storage_database, "LOCK_TIMEOUT", HURRY)
        try:
            yield
        finally:
            session().rollback()
            db.session.remove()
            db.engine.dispose()


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Somebody holds the row, and on SQLite the whole database, until the end of the context."""
    with database.engine.connect().execution_options(ci_writes=True) as connection, connection.begin():
        connection.execute(update(GeneralDataRow).values(value="theirs"))
        yield


def change_row() -> None:
    session().execute(update(GeneralDataRow).where(GeneralDataRow.key == "a").values(value="ours"))


def wait_of(database: Database) -> int:
    """What the connection at hand was told of waiting."""
    return int(session().connection().exec_driver_sql(WAITS[not database.is_sqlite]).scalar_one())


def test_a_writer_that_waited_as_long_as_it_may_does_not_begin_again(database: Database) -> None:
    transact(lambda: session().execute(insert(GeneralDataRow).values(key="a", value="before")))
    pauses: list[float] = []
    with held(database), short_lock_timeout(database), pytest.raises(OperationalError) as failed:
        transact(change_row, pause=pauses.append)

    assert pauses == []
    assert is_outage(failed.value)


def test_once_the_others_are_gone_it_gets_through(database: Database) -> None:
    transact(lambda: session().execute(insert(GeneralDataRow).values(key="a", value="before")))
    with short_lock_timeout(database):
        with held(database), pytest.raises(OperationalError):
            transact(change_row)

        transact(change_row)
        changed = session().execute(select(GeneralDataRow.value).where(GeneralDataRow.key == "a")).scalar_one()

    assert changed == "ours"


def test_each_attempt_waits_only_for_what_is_left_of_the_time(database: Database) -> None:
    waits: list[int] = []
    # The clock is looked at first, then after each attempt and before the next one.
    clock = chain([0.0, 5.0, 5.0, 13.0, 13.0, LOCK_TIMEOUT], repeat(LOCK_TIMEOUT))

    def work() -> None:
        waits.append(wait_of(database))
        raise TransactionConflict

    with pytest.raises(TransactionConflict):
        transact(work, clock=lambda: next(clock), pause=lambda _: None)
    transact(lambda: waits.append(wait_of(database)))

    # The next writer on the same connection has all its time again.
    second = 1000 if database.is_sqlite else 1
    assert waits == [20 * second, 15 * second, 7 * second, 20 * second]


def test_the_pauses_between_attempts_grow_and_differ_by_chance(database: Database) -> None:
    pauses: list[float] = []
    shares = cycle([1.0, 0.5])

    def work() -> None:
        raise TransactionConflict

    with pytest.raises(TransactionConflict):
        transact(work, pause=pauses.append, chance=lambda: next(shares))

    assert len(pauses) == ATTEMPTS - 1
    assert pauses[:4] == [0.02, 0.02, 0.08, 0.08]
    assert max(pauses) == MAX_PAUSE
