"""Pages of a list: by offset, or by a cursor."""
from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from api.domain.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, where they stand in it, and how long the whole list is."""

    items: Sequence[T]
    limit: int
    offset: int
    total: int
    next_cursor: str | None = None

    @property
    def next_offset(self) -> int | None:
        """Where the next page starts; None on the last page, an empty one, and on pages by cursor."""
        end = self.offset + len(self.items)
        return end if self.items and end < self.total else None


def slice_page(items: Sequence[T], limit: int, offset: int) -> Page[T]:
    """The page of a list that is already in memory."""
    return Page(items[offset:offset + limit], limit, offset, len(items))


@dataclass(frozen=True, slots=True)
class Position:
    """The place in an ordered list behind an item: the sort's name, the item's key (None sorts lowest) and its id."""

    sort: str
    key: str | None
    id: int

    def cursor(self) -> str:
        """The position as an opaque text of URL-safe characters."""
        text = json.dumps([self.sort, self.key, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(cursor: str, sort: str) -> Position:
    """Read a cursor that was given out for this sort. Raises Invalid for anything else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        given, key, id = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        position = Position(given, key, id)
        if given != sort or not isinstance(key, str | None) or type(id) is not int or not 0 < id < 2**31:
            raise ValueError("not a position of this list")
    except (ValueError, TypeError, binascii.Error, RecursionError) as wrong:
        raise Invalid({"cursor": "Not a cursor of this list and sort."}) from wrong
    return position
