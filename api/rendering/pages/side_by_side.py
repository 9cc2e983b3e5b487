"""Hunks of a difference as rows of two columns, with what differs within a line."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

ROW_LIMIT = 400
# Between the common beginning and end of two lines more is found where that is no longer, since it takes the square of the length.
COMPARED_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line, and whether the other line has it too."""

    text: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one file, from 1, in its parts."""

    number: int | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the baseline and what stands in its place; None where a file has none. `begins` says that lines are left out before it."""

    expected: Line | None
    actual: Line | None
    is_changed: bool
    begins: bool


def side_by_side(hunks: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The first `ROW_LIMIT` rows of these hunks, which are the API's."""
    rows: list[Row] = []
    for hunk in hunks:
        begins = True
        for expected, actual in _pairs(hunk["lines"]):
            if len(rows) == ROW_LIMIT:
                return rows
            rows.append(_row(expected, actual, begins))
            begins = False
    return rows


def _pairs(lines: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """The lines of a hunk in pairs: of those that changed together the first with the first, and so on."""
    found: list[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    removed: list[Mapping[str, Any]] = []
    added: list[Mapping[str, Any]] = []
    for line in lines:
        if line["kind"] == "context":
            found += zip_longest(removed, added)
            removed, added = [], []
            found.append((line, line))
        else:
            (removed if line["kind"] == "removed" else added).append(line)
    return [*found, *zip_longest(removed, added)]


def _row(expected: Mapping[str, Any] | None, actual: Mapping[str, Any] | None, begins: bool) -> Row:
    if expected is not None and expected is actual:
        parts = (Part(expected["text"], False),)
        return Row(Line(expected.get("expected_line"), parts), Line(expected.get("actual_line"), parts), False, begins)
    left, right = _parts("" if expected is None else expected["text"], "" if actual is None else actual["text"])
    return Row(
        None if expected is None else Line(expected.get("expected_line"), left),
        None if actual is None else Line(actual.get("actual_line"), right), True, begins)


def _parts(expected: str, actual: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Two lines in the parts that they share and those that they do not."""
    begin, end = _ends(expected, actual)
    left, right = expected[begin:len(expected) - end], actual[begin:len(actual) - end]
    blocks = [(0, 0, begin), *_shared(left, right, begin), (len(expected) - end, len(actual) - end, end)]
    return _cut(expected, [(start, size) for start, _, size in blocks]), _cut(actual, [(start, size) for _, start, size in blocks])


def _ends(expected: str, actual: str) -> tuple[int, int]:
    """The lengths of the common beginning and, behind it, of the common end."""
    shorter = min(len(expected), len(actual))
    begin = next((index for index in range(shorter) if expected[index] != actual[index]), shorter)
    end = next((index for index in range(shorter - begin) if expected[-1 - index] != actual[-1 - index]), shorter - begin)
    return begin, end


def _shared(expected: str, actual: str, offset: int) -> list[tuple[int, int, int]]:
    """What two middles share; places count from the beginnings of the lines."""
    if not expected or not actual or max(len(expected), len(actual)) > COMPARED_LENGTH:
        return []
    found = SequenceMatcher(None, expected, actual, autojunk=False).get_matching_blocks()
    return [(offset + left, offset + right, size) for left, right, size in found]


def _cut(text: str, shared: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
    parts: list[Part] = []
    position = 0
    for start, size in shared:
        if not size:
            continue
        if start > position:
            parts.append(Part(text[position:start], True))
        parts.append(Part(text[start:start + size], False))
        position = start + size
    return (*parts, Part(text[position:], True)) if position < len(text) else tuple(parts)
