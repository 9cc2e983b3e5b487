"""HTTP byte ranges."""
from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(?:([0-9]{1,18})\s*-(?:\s*([0-9]{1,18}))?|-\s*([0-9]{1,18}))\s*\Z")


class Unsatisfiable(Exception):
    """The part begins behind the end of the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `start` on, of a file of `size` bytes."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """As the header of a partial answer says it."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The part that a Range header asks for; None for the whole: no header, several parts, or one that cannot be read.

    Raises Unsatisfiable.
    """
    found = _RANGE.match(header or "")
    if found is None:
        return None
    first, last, suffix = (None if text is None else int(text) for text in found.groups())
    if suffix is not None:
        start, end = max(0, size - suffix), size - 1
    else:
        start, end = first or 0, size - 1 if last is None else min(last, size - 1)
        if last is not None and last < start:
            return None
    if start >= size or suffix == 0:
        raise Unsatisfiable
    return ByteRange(start, end - start + 1, size)
