"""A migrated database in the hands of a test: emptied at will, used from several threads, its statements counted."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import Engine, event, inspect, make_url

from api.storage import schema
from api.storage.database import attach, db, session

T = TypeVar("T")

KEPT = frozenset({schema.VERSION_TABLE, "ci_platform_addition"})
POOL_SIZE = 24
TIMEOUT = 2.0


@dataclass(frozen=True)
class Database:
    """A migrated database, and the Flask application whose contexts its sessions belong to."""

    app: Flask
    url: str

    @cached_property
    def engine(self) -> Engine:
        """The engine of the application."""
        with self.app.app_context():
            return db.engine

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, else it is MariaDB."""
        return self.engine.dialect.name == "sqlite"

    def empty(self) -> None:
        """Delete all rows, but those that tell the schema's state. The ids that follow need not start at 1."""
        session().rollback()
        session().expunge_all()
        quote = self.engine.dialect.identifier_preparer.quote
        off, on = ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON") if self.is_sqlite else (
            "SET foreign_key_checks=0", "SET foreign_key_checks=1")
        statements = [f"DELETE FROM {quote(name)}" for name in inspect(self.engine).get_table_names() if name not in KEPT]
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            for statement in (off, *statements, on):
                cursor.execute(statement)
            connection.commit()
        finally:
            connection.close()

    def together(self, *works: Callable[[], T]) -> list[T]:
        """Do the works at the same time, each in a thread with a session of its own; their results in the order given."""
        def alone(work: Callable[[], T]) -> T:
            with self.app.app_context():
                return work()

        with ThreadPoolExecutor(max_workers=len(works)) as threads:
            return list(threads.map(alone, works))

    def started(self, work: Callable[[], T], *, until: str) -> Future[T]:
        """Begin the work in a thread, and go on once it has come to a statement that begins with `until`, or waits for a lock."""
        def alone() -> T:
            with self.app.app_context():
                return work()

        thread = ThreadPoolExecutor(max_workers=1)
        with self.counted() as seen:
            future = thread.submit(alone)
            deadline = time.monotonic() + TIMEOUT
            while not future.done() and time.monotonic() < deadline and not any(each.startswith(until) for each in seen):
                time.sleep(0.01)
        # The thread ends with its work.
        thread.shutdown(wait=False)
        return future

    @contextmanager
    def overtaken(self, work: Callable[[], object], *, before: str) -> Iterator[None]:
        """Do the work, in a thread, just before the first statement that begins with `before`. For MariaDB alone, where writers meet."""
        left = [work]

        def let_in(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith(before) and left:
                self.together(left.pop())

        event.listen(self.engine, "before_cursor_execute", let_in)
        try:
            yield
        finally:
            event.remove(self.engine, "before_cursor_execute", let_in)

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Collect the SQL statements that are executed meanwhile, those that begin a transaction left out."""
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith(("BEGIN", "PRAGMA")):
                seen.append(statement)

        event.listen(self.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(self.engine, "before_cursor_execute", note)


def hang_up(url: str) -> None:
    """Close the connections that applications of this process, which are done with, hold to the database at a URL."""
    for engines in list(db._app_engines.values()):
        for engine in engines.values():
            if engine.url.database == make_url(url).database:
                engine.dispose()


@contextmanager
def opened(url: str, *, migrated: bool = True) -> Iterator[Database]:
    """The database at a URL, brought to the present schema unless told otherwise, in an application context of its own."""
    app = Flask("tests")
    attach(app, url, pool_size=POOL_SIZE)
    with app.app_context():
        if migrated:
            schema.migrate(db.engine)
        try:
            yield Database(app, url)
        finally:
            session().rollback()
            db.session.remove()
            db.engine.dispose()
