"""A database whose clock is another than this process's."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from tests.databases import Database

OFF = (timedelta(minutes=-10), timedelta(minutes=10))


@contextmanager
def clock_off(database: Database, by: timedelta) -> Iterator[None]:
    """Have the database's clock go wrong by so much: to it, the clocks of all who use it are what is wrong."""
    seconds = round(by.total_seconds())

    def shift(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> tuple[str, Any]:
        shifted = statement.replace("'now'", f"'now', '{seconds:+d} seconds'").replace(
            "UTC_TIMESTAMP(6)", f"UTC_TIMESTAMP(6) + INTERVAL {seconds} SECOND")
        return shifted, parameters

    event.listen(database.engine, "before_cursor_execute", shift, retval=True)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", shift)
