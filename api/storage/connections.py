"""Connections of each kind of database: what they are told at first, and how writers begin; `mariadb.py` has what it alone needs.

A connection is in autocommit: what only reads sends statements, and nothing besides. A writer, marked by the execution option
`ci_writes`, begins a transaction of its own.
"""
from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import ceil
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection

# How many seconds a writer waits for others, over all its attempts.
LOCK_TIMEOUT = 20.0
# The driver, told neither, would end the server's autocommit.
SERVER_OPTIONS: Mapping[str, Any] = {"pool_recycle": 280, "connect_args": {"autocommit": None}}


def prepare_engine(engine: Engine) -> None:
    """Install what connections of this engine are told, and how its transactions begin and end."""
    event.listen(engine, "begin", _begin)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)


def _configure_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    # A text that is not UTF-8 would be an error of the whole statement.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    execute(connection, _sqlite_wait(LOCK_TIMEOUT), "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA foreign_keys=ON")
    record.info["ci_wait"] = LOCK_TIMEOUT


def _begin(connection: Connection) -> None:
    options: Mapping[str, Any] = connection.get_execution_options()
    if not options.get("ci_writes", False):
        return
    _limit_waiting(connection, options.get("ci_wait", LOCK_TIMEOUT))
    # A deferred transaction of SQLite that turns to writing fails at once, whatever the timeout; so writers say so first.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")


def _limit_waiting(connection: Connection, seconds: float) -> None:
    """Tell the database how long this writer may wait for others, where the connection does not know it from the last one."""
    if connection.info.get("ci_wait") != seconds:
        wait = _sqlite_wait if connection.dialect.name == "sqlite" else server_wait
        execute(connection.connection.dbapi_connection, wait(seconds))
        connection.info["ci_wait"] = seconds


def _sqlite_wait(seconds: float) -> str:
    return f"PRAGMA busy_timeout={ceil(seconds * 1000)}"


def server_wait(seconds: float) -> str:
    """The statement that limits how long MariaDB lets a transaction wait for others."""
    return f"SET SESSION innodb_lock_wait_timeout={max(1, ceil(seconds))}"


def execute(connection: Any, *statements: str) -> None:
    """Send statements on the driver's own connection."""
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
