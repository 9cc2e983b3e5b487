"""The stretch of two large files that is compared: without their common beginning and end, and cut where that is too much."""
from __future__ import annotations

from dataclasses import dataclass, replace

from api.diffs.channel import DiffAnswer
from api.diffs.process import CHUNK, Readable, chunks
from api.domain.text.byte_difference import BEFORE, BEHIND, ByteDifference, bytes_at
from api.domain.text.common_beginning import common_length
from api.domain.text.decoding import HEAD, Reading, is_binary
from api.domain.text.diff import DiffSummary, Precision

# Where lines of context are looked for.
_WINDOW = 64 * 1024
# What is compared of files that have more than the limit between their common beginning and end.
CUT = 4 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A file from one offset to another, which can be read as a file."""

    file: Readable
    start: int
    end: int

    @property
    def name(self) -> str:
        """The same name, the same bytes."""
        return f"{self.file.name}[{self.start}:{self.end}]"

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on."""
        return self.file.read(self.start + start, max(0, min(length, self.size - start)))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Parts of two files that begin with a line, before which both have `before` equal lines, and how they are to be read.

    `more_removed` and `more_added` are the lines behind the parts that are not compared; `bom` and `binary` are the files'.
    """

    expected: Part
    actual: Part
    before: int
    reading: Reading
    more_removed: int
    more_added: int
    binary: ByteDifference | None
    whole_reading: Reading

    def completed(self, answer: DiffAnswer) -> DiffAnswer:
        """The answer for the whole files, of that for their parts."""
        answer = replace(answer, bom=self.whole_reading.bom, binary=self.binary)
        if not (self.more_added or self.more_removed):
            return answer
        counts = answer.summary
        summary = DiffSummary(
            counts.added_lines + self.more_added, counts.removed_lines + self.more_removed, max(1, counts.changed_hunks))
        return replace(answer, precision=Precision.COARSE, truncated=True, summary=summary)


@dataclass(frozen=True, slots=True)
class _Head:
    """What two files have in common from their start, behind their marks: bytes, newlines, and where the last line begins."""

    length: int
    lines: int
    line_start: int


def stretch_of(expected: Readable, actual: Readable, context: int, limit: int) -> Stretch:
    """The stretch of two files to compare, of at most `limit` bytes each, with so many equal lines around it.

    Reads both files once. Raises Unavailable where a file cannot be read. UTF-16 keeps its end, and has no lines of context.
    """
    begins = expected.read(0, HEAD), actual.read(0, HEAD)
    reading = Reading.of(*begins)
    marks = reading.expected_mark, reading.actual_mark
    # A mark that one file alone has is a difference of the first lines.
    head = _Head(0, 0, 0) if reading.bom else _head(expected, actual, reading)
    start, before = (head.line_start, head.lines) if reading.wide else _with_context(expected, head, marks[0], context)
    starts = tuple(start + mark if start else 0 for mark in marks)
    tail = 0 if reading.wide else _tail(expected, actual, tuple(head.line_start + mark for mark in marks), context)
    left, right = Part(expected, starts[0], expected.size - tail), Part(actual, starts[1], actual.size - tail)
    more_removed = more_added = 0
    if max(left.size, right.size) > limit:
        more_removed, more_added = _left_out(left, reading), _left_out(right, reading)
        left, right = replace(left, end=_cut(left, reading)), replace(right, end=_cut(right, reading))
    binary = _binary(expected, actual, head.length) if any(map(is_binary, begins)) else None
    own = Reading(reading.wide, 0, 0) if start else reading
    return Stretch(left, right, before, own, more_removed, more_added, binary, reading)


def _head(expected: Readable, actual: Readable, reading: Reading) -> _Head:
    position = lines = line_start = 0
    while True:
        left = expected.read(position + reading.expected_mark, CHUNK)
        shared = common_length(left, actual.read(position + reading.actual_mark, CHUNK))
        shared -= shared % 2 if reading.wide else 0
        ends, rest = reading.line_ends(left[:shared])
        position, lines = position + shared, lines + ends
        line_start = position - rest if ends else line_start
        if shared < CHUNK:
            return _Head(position, lines, line_start)


def _with_context(file: Readable, head: _Head, mark: int, context: int) -> tuple[int, int]:
    """Where a stretch begins so many lines before the first that differs, and how many lines are before it."""
    length = min(head.line_start, _WINDOW)
    window = file.read(head.line_start - length + mark, length)
    at, taken = length, 0
    while taken < context and at:
        found = window.rfind(b"\n", 0, at - 1)
        if found < 0 and length < head.line_start:
            break
        at, taken = found + 1, taken + 1
    return head.line_start - length + at, head.lines - taken


def _tail(expected: Readable, actual: Readable, starts: tuple[int, ...], context: int) -> int:
    """How many bytes at the ends are equal whole lines, behind as many others for context."""
    most = min(expected.size - starts[0], actual.size - starts[1])
    shared = 0
    while shared < most:
        length = min(CHUNK, most - shared)
        left, right = (file.read(file.size - shared - length, length) for file in (expected, actual))
        equal = common_length(left[::-1], right[::-1])
        shared += equal
        if equal < length:
            break
    window = expected.read(expected.size - shared, min(shared, _WINDOW))
    at = -1
    for _ in range(1 + context):
        at = window.find(b"\n", at + 1)
        if at < 0:
            return 0
    return shared - at - 1


def _cut(part: Part, reading: Reading) -> int:
    """Where a part ends that is cut behind a line."""
    content = part.read(0, CUT)
    ends, rest = reading.line_ends(content)
    return part.start + len(content) - (rest if ends and part.size > CUT else 0)


def _left_out(part: Part, reading: Reading) -> int:
    """How many lines are left out of a part where it is cut."""
    return count_lines(replace(part, start=_cut(part, reading)), reading)


def count_lines(file: Readable, reading: Reading) -> int:
    """How many lines a file has. Raises Unavailable where it is not as long as it was said to be."""
    lines = unended = 0
    for content in chunks(file):
        count, unended = reading.line_ends(content)
        lines += count
    return lines + (unended > 0)


def _binary(expected: Readable, actual: Readable, offset: int) -> ByteDifference:
    start = max(0, offset - BEFORE)
    shown = (file.read(start, offset - start + BEHIND) for file in (expected, actual))
    return bytes_at(offset - start, *shown, before=start)
