"""The database: how an application gets it, sessions, and transactions."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import random
from time import monotonic, sleep
from typing import Any, TypeVar, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Executable,
    Insert,
    MetaData,
    Row,
    String,
    UpdateBase,
    func,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session

from api.host.permissions import PRIVATE
from api.storage.connections import LOCK_TIMEOUT, SERVER_OPTIONS, prepare_engine

T = TypeVar("T")

# Lock wait timeout, deadlock, record changed; and a savepoint that is gone because a deadlock took the whole transaction.
DEADLOCK_CODES = frozenset({1205, 1213, 1020, 1305})
ATTEMPTS = 12
CHECK = "ci_check"
# Those who locked each other out would do so again if they came back at the same moment: in seconds, at first and at most.
FIRST_PAUSE, MAX_PAUSE = 0.01, 0.3
NAMES = {
    "ix": "ci_ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "ci_uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "ci_fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_SQLITE_NOW, _SERVER_NOW = text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"), text("SELECT UTC_TIMESTAMP(6)")


class TransactionConflict(Exception):
    """A concurrent transaction was first; the work is to be done again from its start."""


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMES)


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


def attach(
    app: Flask, url: str, *, pool_size: int, check: Callable[[Engine], None] | None = None,
) -> None:
    """Give a Flask application its database. Relative SQLite paths are taken from the working directory.

    Before a session is used for the first time, `check` must let the database pass.
    """
    parsed = make_url(url)
    # Bound values hold tokens' hashes and workers' secrets; they must not stand in what is logged of a failure. The connection that was
    # used last is taken first: what a connection of SQLite has seen of the library is of use to the next read.
    options: dict[str, Any] = {
        "pool_size": pool_size, "max_overflow": 0, "pool_timeout": 10, "pool_use_lifo": True, "hide_parameters": True}
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            path = Path(parsed.database).absolute()
            PRIVATE.make_folder(path.parent)
            # SQLite gives what it writes beside the file the file's own mode. One that is there is not opened: closing it would free
            # the locks that SQLite holds.
            with suppress(FileExistsError):
                os.close(PRIVATE.open(path, os.O_WRONLY | os.O_EXCL))
            parsed = parsed.set(database=str(path))
    else:
        options |= SERVER_OPTIONS
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
    app.config["SQLALCHEMY_DATABASE_URI"] = parsed.render_as_string(hide_password=False)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    if check is not None:
        app.extensions[CHECK] = check
    db.init_app(app)
    with app.app_context():
        _prepare(db.engine)


def _prepare(engine: Engine) -> None:
    prepare_engine(engine)
    if engine.dialect.name != "sqlite":
        # Its driver would be a tenth of a server with an SQLite file.
        from api.storage.mariadb import prepare_server_engine

        prepare_server_engine(engine)


def session() -> Session:
    """The session of the current application context."""
    _check_once()
    return db.session()


def _check_once() -> None:
    if CHECK in current_app.extensions:
        current_app.extensions[CHECK](db.engine)
        current_app.extensions.pop(CHECK, None)


@contextmanager
def connection_to_read() -> Iterator[Connection]:
    """The session's where the context has one, which may have written something; else one for this moment, which costs less."""
    if db.session.registry.has():
        yield session().connection()
        return
    _check_once()
    with db.engine.connect() as connection:
        yield connection


def read(statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Execute a statement that reads columns, without the session's work for mapped objects; nothing is flushed before.

    A statement that is made once, with parameters for its values, costs a fraction of one that is made for each request.
    """
    with connection_to_read() as connection:
        return connection.execute(statement, values).all()


def read_one(statement: Executable, values: Mapping[str, Any] | None = None) -> Row[*tuple[Any, ...]] | None:
    """The one row that a statement reads, as `read` does; None where there is none."""
    with connection_to_read() as connection:
        return connection.execute(statement, values).one_or_none()


def read_rows(statement: Executable, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Execute a statement as `read` does, and return its rows as the driver gives them; `values_of` reads them."""
    with connection_to_read() as connection, connection.execute(statement, values) as result:
        return list(cast(Any, result).cursor.fetchall())


def values_of(columns: Iterable[ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """The values of rows that `read_rows` returned, each as its column's type reads it; those behind the columns are left out."""
    dialect = db.engine.dialect
    converters = [each.type.result_processor(dialect, None) for each in columns]
    for row in rows:
        yield tuple(value if convert is None else convert(value) for convert, value in zip(converters, row, strict=False))


def database_now() -> datetime:
    """The instant by the database's own clock, which all servers, workers and agents share; leases are set and judged by nothing else.

    MariaDB tells microseconds, SQLite milliseconds. SQLite has no server: its clock is that of the host, on which all of its users are.
    """
    connection = session().connection()
    is_sqlite = connection.dialect.name == "sqlite"
    told = connection.execute(_SQLITE_NOW if is_sqlite else _SERVER_NOW).scalar_one()
    return (datetime.fromisoformat(told) if is_sqlite else cast(datetime, told)).replace(tzinfo=UTC)


def write(statement: Insert, values: Mapping[str, Any]) -> None:
    """Within a transaction: insert a row by a statement that is made once, as `read` reads."""
    session().connection().execute(statement, values)


def casefolded(column: ColumnElement[str] | InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """A text column in lower case, to be compared with a folded text.

    It is cast, because MySQL refuses to compare a latin1 column with characters that latin1 does not have.
    """
    return func.lower(sql_cast(column, String))


def change(statement: UpdateBase) -> int:
    """Execute an update or delete behind the session's back; how many rows it met."""
    result = session().execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], result).rowcount


def add_free_text(row: Base, attribute: str) -> None:
    """Within a transaction: insert a row whose attribute holds anybody's words.

    The platform's older tables are in latin1 or three-byte UTF-8; what they cannot hold is kept with `?` beyond ASCII.
    """
    if not getattr(row, attribute).isascii():
        try:
            with session().begin_nested():
                session().add(row)
            return
        except DataError:
            setattr(row, attribute, getattr(row, attribute).encode("ascii", "replace").decode())
    session().add(row)
    session().flush()


def change_free_text(row: Base, attribute: str, text: str | None) -> None:
    """Within a transaction: put anybody's words into an attribute of a stored row; see `add_free_text`."""
    try:
        with session().begin_nested():
            setattr(row, attribute, text)
            session().flush()
    except DataError:
        setattr(row, attribute, (text or "").encode("ascii", "replace").decode())
        session().flush()


@contextmanager
def transaction(*, wait: float | None = None) -> Iterator[Session]:
    """A transaction that writes: committed at the end, rolled back when anything is raised.

    It waits `wait` seconds for others, or as long as the database was attached with.
    """
    current = session()
    current.rollback()
    current.connection(execution_options={"ci_writes": True, "ci_wait": LOCK_TIMEOUT if wait is None else wait})
    try:
        yield current
        current.commit()
    except BaseException:
        current.rollback()
        raise


def transact(
    work: Callable[[], T], *, clock: Callable[[], float] = monotonic, pause: Callable[[float], None] = sleep,
    chance: Callable[[], float] = random,
) -> T:
    """Do the work in a transaction; again, some moments later, where the database gave way to a concurrent one.

    All attempts together wait for others no longer than one may.
    """
    deadline = clock() + LOCK_TIMEOUT
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction(wait=None if attempt == 1 else max(0.0, deadline - clock())):
                return work()
        except (DBAPIError, TransactionConflict) as failed:
            if attempt == ATTEMPTS or not _lost_race(failed) or clock() >= deadline:
                raise
        pause(chance() * min(MAX_PAUSE, FIRST_PAUSE * 2 ** attempt))
    raise AssertionError("the last attempt returns or raises")


def _lost_race(failed: DBAPIError | TransactionConflict) -> bool:
    if isinstance(failed, TransactionConflict):
        return True
    arguments = getattr(failed.orig, "args", ())
    code = arguments[0] if arguments else None
    return code in DEADLOCK_CODES or "database is locked" in str(code)
