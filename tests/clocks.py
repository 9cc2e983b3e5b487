"""Clocks of tests: one that moves when it is told to, and a database's that differs from this process's."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event

from tests.builders import NOW
from tests.databases import Database

OFF = (timedelta(minutes=-10), timedelta(minutes=10))


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The instant."""
        return self.now

    def advance(self, seconds: float = 0, **amount: float) -> None:
        """Move on, by so many seconds, minutes, days …"""
        self.now += timedelta(seconds=seconds, **amount)


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
