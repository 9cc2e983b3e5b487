"""The difference of two files: hunks or one text, cut at the contract's limits, counted whole."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NotRequired, TypedDict

from api.domain.text.edit_script import Change

TEXT_LIMIT = 1_000
HUNK_LIMIT = 500
LINE_LIMIT = 500
CONTEXT, REMOVED, ADDED = "context", "removed", "added"


class DiffStatus(StrEnum):
    """The contract's outcomes of a comparison."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    MISSING_EXPECTED = "missing_expected"
    MISSING_ACTUAL = "missing_actual"


class Precision(StrEnum):
    """Whether the changes are git's, or as many as could be told apart in the time there was."""

    EXACT = "exact"
    COARSE = "coarse"


class DiffLine(TypedDict):
    """One line, numbered from 1 on the sides that have it. A mapping, since objects for 250,000 lines cost more than the diff."""

    kind: str
    expected_line: int | None
    actual_line: int | None
    text: str
    text_truncated: NotRequired[bool]
    no_newline: NotRequired[bool]


class DiffHunk(TypedDict):
    """Lines that follow one another; a start is the first line's number, or the line before where the side has none (as in git)."""

    expected_start: int
    actual_start: int
    lines: list[DiffLine]


@dataclass(frozen=True, slots=True)
class DiffSummary:
    """The counts of the whole difference; hunks are counted before any is split or left out."""

    added_lines: int
    removed_lines: int
    changed_hunks: int


@dataclass(frozen=True, slots=True)
class Lines:
    """A file's lines without their newlines, the length of the longest, and the index of the one that has no newline, or −1."""

    texts: Sequence[str]
    longest: int
    unended: int

    @property
    def comparable(self) -> Sequence[str]:
        """The lines so that two are equal where their bytes are: a last line without a newline is like no line that has one."""
        return self.texts if self.unended < 0 else [*self.texts[:-1], self.texts[-1] + "\n"]


@dataclass(frozen=True, slots=True)
class Region:
    """Changes that stand so near that they are shown together, and where their lines begin and end (from 0, end excluded)."""

    expected_start: int
    expected_end: int
    actual_start: int
    actual_end: int
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two files and what is between them; `mark` is what a byte order mark was read as, at the beginning of a first line.

    Where only a stretch of the files is given, both have `before` more lines before it, which are equal.
    """

    expected: Lines
    actual: Lines
    regions: Sequence[Region]
    summary: DiffSummary
    mark: str = ""
    before: int = 0


def split_lines(text: str) -> Lines:
    """The lines of a text; only a newline ends one."""
    texts = text.split("\n")
    longest = max(map(len, texts))
    if texts[-1] == "":
        return Lines(texts[:-1], longest, unended=-1)
    return Lines(texts, longest, unended=len(texts) - 1)


def difference(expected: Lines, actual: Lines, changes: Sequence[Change], context: int, *, mark: str = "", before: int = 0) -> Difference:
    """What is between two files, with so many equal lines around each change."""
    regions = list(_regions(changes, len(expected.texts), len(actual.texts), context))
    counts = DiffSummary(
        added_lines=sum(change.actual_count for change in changes),
        removed_lines=sum(change.expected_count for change in changes), changed_hunks=len(regions))
    return Difference(expected, actual, regions, counts, mark, before)


def _regions(changes: Sequence[Change], expected_length: int, actual_length: int, context: int) -> Iterator[Region]:
    first = 0
    for last, change in enumerate(changes):
        end = change.expected_start + change.expected_count
        if last + 1 < len(changes) and changes[last + 1].expected_start - end <= 2 * context:
            continue
        before = min(context, changes[first].expected_start)
        after = min(context, expected_length - end)
        yield Region(
            changes[first].expected_start - before, end + after, changes[first].actual_start - before,
            min(actual_length, change.actual_start + change.actual_count + after), changes[first:last + 1])
        first = last + 1


def lines_of(found: Difference, region: Region) -> Iterator[DiffLine]:
    """The lines of a region in order, uncut."""
    expected, actual, first = found.expected, found.actual, found.before + 1
    here, there = region.expected_start, region.actual_start
    for change in (*region.changes, Change(region.expected_end, 0, region.actual_end, 0)):
        behind = there - here
        for index in range(here, change.expected_start):
            line: DiffLine = {
                "kind": CONTEXT, "expected_line": index + first, "actual_line": index + behind + first, "text": expected.texts[index]}
            yield line if index != expected.unended else {**line, "no_newline": True}
        here, there = change.expected_start + change.expected_count, change.actual_start + change.actual_count
        for index in range(change.expected_start, here):
            line = {"kind": REMOVED, "expected_line": index + first, "actual_line": None, "text": expected.texts[index]}
            yield line if index != expected.unended else {**line, "no_newline": True}
        for index in range(change.actual_start, there):
            line = {"kind": ADDED, "expected_line": None, "actual_line": index + first, "text": actual.texts[index]}
            yield line if index != actual.unended else {**line, "no_newline": True}


def hunks_of(found: Difference) -> Iterator[DiffHunk]:
    """The hunks in order; one of more than 500 lines goes on in the next. The caller stops where it has enough."""
    has_long = max(found.expected.longest, found.actual.longest) > TEXT_LIMIT
    for region in found.regions:
        expected, actual = region.expected_start + found.before, region.actual_start + found.before
        lines = lines_of(found, region)
        while part := list(islice(lines, LINE_LIMIT)):
            # Either side's numbers follow one another, so that its last one tells how many there are.
            here = next((line["expected_line"] for line in reversed(part) if line["expected_line"] is not None), expected)
            there = next((line["actual_line"] for line in reversed(part) if line["actual_line"] is not None), actual)
            if found.mark and not (expected and actual):
                part = [_unmarked(line, found.mark) for line in part]
            yield {
                "expected_start": min(expected + 1, here), "actual_start": min(actual + 1, there),
                "lines": [_cut(line) for line in part] if has_long else part}
            expected, actual = here, there


def _unmarked(line: DiffLine, mark: str) -> DiffLine:
    """A line without the byte order mark that a file's first line begins with."""
    return {**line, "text": line["text"].removeprefix(mark)} if 1 in (line["expected_line"], line["actual_line"]) else line


def _cut(line: DiffLine) -> DiffLine:
    return line if len(line["text"]) <= TEXT_LIMIT else {**line, "text": line["text"][:TEXT_LIMIT], "text_truncated": True}
