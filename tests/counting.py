"""How much a piece of work asks of the database: statements that are executed, rows that come back."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.cursor import CursorFetchStrategy


@dataclass
class Counted:
    """The counts so far."""

    statements: int = 0
    rows: int = 0


@contextmanager
def counted() -> Iterator[Counted]:
    """Count for all engines of this process, in all its threads."""
    found = Counted()
    strategy: Any = CursorFetchStrategy
    names = ("fetchone", "fetchmany", "fetchall")
    kept = {name: getattr(strategy, name) for name in names}

    def executed(*_: Any) -> None:
        found.statements += 1

    def counting(name: str) -> Any:
        def fetch(self: Any, *arguments: Any, **rest: Any) -> Any:
            rows = kept[name](self, *arguments, **rest)
            found.rows += len(rows) if name != "fetchone" else int(rows is not None)
            return rows

        return fetch

    event.listen(Engine, "before_cursor_execute", executed)
    for name in names:
        setattr(strategy, name, counting(name))
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", executed)
        for name in names:
            setattr(strategy, name, kept[name])
