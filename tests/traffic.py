"""What is sent to a database, word by word: statements, those that begin and end transactions, and pings."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymysql.connections import Connection
from pymysql.constants import COMMAND
from sqlalchemy import Engine, event


@contextmanager
def sent(engine: Engine) -> Iterator[list[str]]:
    """Collect what is sent meanwhile by all threads, on connections that they take after the context began."""
    words: list[str] = []
    with _traced(engine, words) if engine.dialect.name == "sqlite" else _overheard(words):
        yield words


@contextmanager
def _traced(engine: Engine, words: list[str]) -> Iterator[None]:
    def begin(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(words.append)

    def end(connection: Any, *_: Any) -> None:
        if connection is not None:
            connection.set_trace_callback(None)

    event.listen(engine, "checkout", begin)
    event.listen(engine, "checkin", end)
    try:
        yield
    finally:
        event.remove(engine, "checkout", begin)
        event.remove(engine, "checkin", end)


@contextmanager
def _overheard(words: list[str]) -> Iterator[None]:
    execute = Connection._execute_command  # type: ignore[attr-defined]

    def overhear(self: Any, command: int, sql: Any) -> Any:
        words.append({COMMAND.COM_PING: "PING", COMMAND.COM_QUIT: "QUIT"}.get(command) or (sql if isinstance(sql, str) else sql.decode()))
        return execute(self, command, sql)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Connection, "_execute_command", overhear)
        yield
