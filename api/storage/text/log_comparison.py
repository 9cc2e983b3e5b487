"""Finds the lines of a log that other logs do not have."""
from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from api.domain.text.log import LogLine
from api.domain.text.log_cursor import LogPlace
from api.domain.text.log_difference import SeenLines, Stretch, outlines, stretches
from api.storage.text.log_sections import Section
from api.storage.text.log_windows import LOOK_BACK, Readable, read_window
from api.storage.text.logs import encoding_of, entries

# So much of each log is compared: its end, since that is where it tells of a failure.
COMPARED_BYTES = 48 << 20
COMPARED_WINDOW = 4 << 20


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line of a log, or a part of a long one; `number` counts what was compared, from 1 on. `is_new` if no other log has it."""

    number: int
    line: LogLine
    is_new: bool


@dataclass(frozen=True, slots=True)
class LogDifference:
    """The new lines of a log with those around them, and how many new ones are left out.

    `is_complete` is false where a log was too long, or had too many different lines, to be compared as a whole.
    """

    lines: tuple[NumberedLine, ...]
    omitted_count: int
    is_complete: bool


def compare_logs(log: Readable, others: Iterable[Readable], limit: int) -> LogDifference:
    """Find up to `limit` lines of a log, or of a section of one: those that none of the others has, and lines around them."""
    seen, is_whole = SeenLines(), _is_whole(log)
    for other in others:
        is_whole &= _is_whole(other)
        for _, content in _blocks(other):
            seen.add(outlines(content))
    starts, new = array("Q"), list[int]()
    for offset, content in _blocks(log):
        for line, outline in zip(content.split(b"\n"), outlines(content), strict=True):
            if not seen.has(outline):
                new.append(len(starts))
            starts.append(offset)
            offset += len(line) + 1
    chosen, omitted = stretches(new, len(starts), limit)
    starts.append(log.size)
    are_new = frozenset(new)
    lines = (each for stretch in chosen for each in _numbered(log, starts, stretch, are_new))
    return LogDifference(tuple(islice(lines, limit)), omitted, is_whole and seen.is_complete)


def _begin(log: Readable) -> int:
    return log.part.begin if isinstance(log, Section) else 0


def _is_whole(log: Readable) -> bool:
    return log.size - _begin(log) <= COMPARED_BYTES


def _blocks(log: Readable) -> Iterator[tuple[int, bytes]]:
    """Yield what is compared of a log in blocks of whole lines, each with its offset and without its last newline.

    Of a line that is longer than a block only the beginning is in one.
    """
    position = max(_begin(log), log.size - COMPARED_BYTES)
    is_within = position > _begin(log)
    while content := log.read(position, COMPARED_WINDOW):
        if is_within:
            newline = content.find(b"\n")
            is_within, length = newline < 0, newline + 1 or len(content)
        else:
            last = len(content) if position + len(content) >= log.size else content.rfind(b"\n") + 1
            is_within, length = not last, last or len(content)
            yield position, content[:length].removesuffix(b"\n")
        position += length


def _numbered(log: Readable, starts: array[int], stretch: Stretch, new: frozenset[int]) -> Iterator[NumberedLine]:
    number, end = stretch.begin, starts[stretch.end]
    for entry in entries(log, _place(log, starts[stretch.begin])):
        yield NumberedLine(number + 1, entry.line, number in new)
        number += not entry.line.continued
        if entry.after.offset >= end:
            return


def _place(log: Readable, offset: int) -> LogPlace:
    """The start of a line, with the time that a line before it told."""
    wide = encoding_of(log)
    base = max(_begin(log), offset - LOOK_BACK)
    base, offset = (base + base % 2, offset + offset % 2) if wide else (base, offset)
    return read_window(log, base, offset - base, wide, grows=False).line_of(offset, LogPlace(base))
