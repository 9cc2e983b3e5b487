"""Connections of each kind of database: what they are told at first, when they are asked whether they live, how writers begin.

A connection is in autocommit: what only reads sends statements, and nothing besides. A writer, marked by the execution option
`ci_writes`, begins a transaction of its own.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from math import ceil
from select import POLLIN, poll
from time import monotonic
from typing import Any

from pymysql import Error
from pymysql.connections import Connection as ServerConnection
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_AUTOCOMMIT, SERVER_STATUS_IN_TRANS
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError

# How many seconds a writer waits for others, over all its attempts.
LOCK_TIMEOUT = 20.0
# A connection that was idle for more seconds may be gone without a word, as where a firewall forgot it.
TRUSTED_SECONDS = 30.0
# The driver, told neither, would end the server's autocommit.
SERVER_OPTIONS: Mapping[str, Any] = {"pool_recycle": 280, "connect_args": {"autocommit": None}}


def prepare_engine(engine: Engine) -> None:
    """Install what connections of this engine are told, and how its transactions begin and end."""
    event.listen(engine, "begin", _begin)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        return
    event.listen(engine, "do_connect", _connect_to_server)
    event.listen(engine, "connect", _configure_server)
    event.listen(engine, "checkout", _require_alive)
    dialect: Any = engine.dialect
    dialect.do_commit = partial(_within_transaction, dialect.do_commit)
    dialect.do_rollback = partial(_within_transaction, dialect.do_rollback)


class _RememberingConnection(ServerConnection):
    """Reads what the server tells of a column once: it tells the same with each answer, and that takes longer to read than a value."""

    def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        read: Any = super()._read_packet
        return read(_described if packet_type is FieldDescriptorPacket else packet_type)


@lru_cache(maxsize=2048)
def _described(description: bytes, encoding: str) -> Any:
    return FieldDescriptorPacket(description, encoding)


def _connect_to_server(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    return _RememberingConnection(*arguments, **options)


def _configure_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    # A text that is not UTF-8 would be an error of the whole statement.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    _execute(connection, _sqlite_wait(LOCK_TIMEOUT), "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA foreign_keys=ON")
    record.info["ci_wait"] = LOCK_TIMEOUT


def _configure_server(connection: Any, record: Any) -> None:
    # As an option of SQLAlchemy's, the isolation would end autocommit.
    _execute(
        connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", f"{_server_wait(LOCK_TIMEOUT)}, SESSION autocommit=1")
    record.info.update(ci_wait=LOCK_TIMEOUT, ci_used=monotonic())


def _require_alive(connection: Any, record: Any, _proxy: Any) -> None:
    """Have the pool replace a connection that the server closed, without a question to the server unless there is a doubt."""
    last, record.info["ci_used"] = record.info["ci_used"], monotonic()
    if record.info["ci_used"] - last <= TRUSTED_SECONDS and not _has_news(connection):
        return
    try:
        connection.ping(reconnect=False)
    except Error as gone:
        raise DisconnectionError from gone


def _has_news(connection: Any) -> bool:
    """Whether the server, which never speaks first, closed an idle connection, or said why it does."""
    if not connection.open:
        return True
    polled = poll()
    polled.register(connection._sock.fileno(), POLLIN)
    return bool(polled.poll(0))


def _within_transaction(end: Callable[[Any], None], connection: Any) -> None:
    """Commit or roll back, where the server's last word is that a transaction is open; after a refusal that may be over already."""
    if connection.server_status & (SERVER_STATUS_IN_TRANS | SERVER_STATUS_AUTOCOMMIT) != SERVER_STATUS_AUTOCOMMIT:
        end(connection)


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
        wait = _sqlite_wait if connection.dialect.name == "sqlite" else _server_wait
        _execute(connection.connection.dbapi_connection, wait(seconds))
        connection.info["ci_wait"] = seconds


def _sqlite_wait(seconds: float) -> str:
    return f"PRAGMA busy_timeout={ceil(seconds * 1000)}"


def _server_wait(seconds: float) -> str:
    return f"SET SESSION innodb_lock_wait_timeout={max(1, ceil(seconds))}"


def _execute(connection: Any, *statements: str) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
