"""Where two binary files first differ, with the bytes around."""
from __future__ import annotations

from dataclasses import dataclass

from api.domain.text.common_beginning import common_length
from api.domain.text.decoding import is_binary

# So many equal bytes are shown before the first that differs, and so many from it on.
BEFORE, BEHIND = 16, 48


@dataclass(frozen=True, slots=True)
class ByteDifference:
    """The first bytes that differ, at `position` from both files' starts; what is shown begins at `shown_from`, in hexadecimal."""

    position: int
    shown_from: int
    expected: str
    actual: str


def byte_difference(expected: bytes, actual: bytes) -> ByteDifference | None:
    """Where two files differ, of which one is binary at least; None where both are text."""
    return bytes_at(common_length(expected, actual), expected, actual) if is_binary(expected) or is_binary(actual) else None


def bytes_at(offset: int, expected: bytes, actual: bytes, *, before: int = 0) -> ByteDifference:
    """The bytes around an offset of two stretches, before which each file has so many more bytes."""
    start = max(0, offset - BEFORE)
    shown = (content[start:offset + BEHIND].hex() for content in (expected, actual))
    return ByteDifference(before + offset, before + start, *shown)
