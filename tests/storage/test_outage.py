"""What counts as a database that cannot be had, and what is a fault of ours."""
from __future__ import annotations

import sqlite3

import pytest
from pymysql.err import OperationalError as ServersError
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from api.storage.database import TransactionConflict
from api.storage.outage import is_outage


@pytest.mark.parametrize("raised", [
    NoConnectionFree("QueuePool limit of size 5 reached"), TransactionConflict(),
    OperationalError(None, None, sqlite3.OperationalError("unable to open database file")),  # type: ignore[arg-type]
    OperationalError(None, None, ServersError(2003, "Can't connect to MySQL server")),  # type: ignore[arg-type]
    OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked")),
    OperationalError("SELECT 1", {}, ServersError(1213, "Deadlock found when trying to get lock")),
    DBAPIError("SELECT 1", {}, ServersError(2013, "Lost connection"), connection_invalidated=True)], ids=str)
def test_what_may_pass_of_itself_is_an_outage(raised: Exception) -> None:
    assert is_outage(raised)


@pytest.mark.parametrize("raised", [
    ValueError("no"), OperationalError("SELECT x", {}, sqlite3.OperationalError("no such column: x")),
    OperationalError("SELECT x", {}, ServersError(1054, "Unknown column 'x'")),
    IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed"))], ids=str)
def test_a_statement_that_is_wrong_is_none(raised: Exception) -> None:
    assert not is_outage(raised)
