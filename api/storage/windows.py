"""Turns a page into an OFFSET counted from the nearer end, so that the last page costs what the first does."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """What is to be asked of the database: `backwards` in the opposite order; `limit` 0 for nothing at all."""

    limit: int
    offset: int
    backwards: bool

    def in_order(self, rows: Sequence[T]) -> list[T]:
        """The rows that were found, in the list's own order."""
        return list(reversed(rows)) if self.backwards else list(rows)


def find_window(total: int, limit: int, offset: int) -> Window:
    """The window of a page of a list of so many items."""
    shown = max(0, min(limit, total - offset))
    behind = total - offset - shown
    return Window(shown, behind, True) if 0 <= behind < offset else Window(shown, offset, False)
