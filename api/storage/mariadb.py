"""Connections of MariaDB and MySQL: what they are told at first, when they are asked whether they live, how transactions end.

Imported where there is such a database alone: the driver and what it imports take 10 MB.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from select import POLLIN, poll
from time import monotonic
from typing import Any

from pymysql import Error
from pymysql.connections import Connection as ServerConnection
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_AUTOCOMMIT, SERVER_STATUS_IN_TRANS
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from api.storage.connections import LOCK_TIMEOUT, execute, server_wait

# A connection that was idle for more seconds may be gone without a word, as where a firewall forgot it.
TRUSTED_SECONDS = 30.0


def prepare_server_engine(engine: Engine) -> None:
    """Install what connections of this engine are told, beside what those of every kind are."""
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


def _configure_server(connection: Any, record: Any) -> None:
    # As an option of SQLAlchemy's, the isolation would end autocommit.
    execute(
        connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", f"{server_wait(LOCK_TIMEOUT)}, SESSION autocommit=1")
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
