"""Reading logs: any page at the price of what it returns, wherever in the file it lies; filters with bounded work."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from api.domain.log import (
    PIECE_BYTES,
    LineFacts,
    LogFilter,
    LogLine,
    decode_piece,
    facts_of,
    stamp_of,
)
from api.domain.log_cursor import LogPlace

WINDOW = 128 * 1024
SCAN_WINDOW = 4 << 20
SEARCH_LIMIT = 256 << 20
FILTER_LIMIT = 4 << 20
LOOK_BACK = 64 * 1024


class Readable(Protocol):
    """A file, wherever it is stored."""

    @property
    def size(self) -> int:
        """Bytes, as it was when it was opened."""

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on; fewer only at the end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line and the place behind it."""

    line: LogLine
    after: LogPlace


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some lines, and the place where the next page starts; None at the end of the log."""

    lines: tuple[LogLine, ...]
    next: LogPlace | None


def read_page(source: Readable, start: LogPlace, limit: int, wanted: LogFilter) -> LogPage:
    """The next lines that are wanted. A page may be empty and lead on, when as much was scanned as one call may."""
    needles = wanted.needles
    if needles:
        return _search(source, start, limit, wanted, needles)
    bound = start.offset + FILTER_LIMIT if wanted != LogFilter() else None
    lines: list[LogLine] = []
    place = start
    for entry in entries(source, start):
        place = entry.after
        if wanted.matches(entry.line):
            lines.append(entry.line)
        if len(lines) == limit or (bound is not None and place.offset >= bound):
            break
    return LogPage(tuple(lines), place if place.offset < source.size else None)


def entries(source: Readable, start: LogPlace, *, end: int | None = None) -> Iterator[Entry]:
    """The lines from a place on, up to the end of the file, or up to the line that `end` lies in."""
    place, buffer, base = start, b"", start.offset
    end = source.size if end is None else end
    while place.offset < end:
        at = place.offset - base
        line_end = buffer.find(b"\n", at, at + PIECE_BYTES + 1)
        if line_end < 0 and len(buffer) - at <= PIECE_BYTES and base + len(buffer) < source.size:
            base, buffer = place.offset, source.read(place.offset, WINDOW)
            if not buffer:
                return
            continue
        entry = _entry(buffer, at, line_end, place)
        place = entry.after
        yield entry


def _entry(buffer: bytes, at: int, line_end: int, place: LogPlace) -> Entry:
    """The line, or the part of a long one, that starts at `at`; `line_end` is where it ends, −1 if that is not in sight."""
    raw = buffer[at:line_end] if line_end >= 0 else buffer[at:at + PIECE_BYTES]
    at_end = line_end < 0 and at + len(raw) == len(buffer)
    text, used = decode_piece(raw, whole=line_end >= 0 or at_end)
    finished = used == len(raw) and (line_end >= 0 or at_end)
    facts = place.facts if place.within else facts_of(text, place.facts)
    offset = place.offset + used + (1 if finished and line_end >= 0 else 0)
    message = text.removesuffix("\r") if finished else text
    return Entry(LogLine(facts, message, continued=not finished), LogPlace(offset, not finished, facts))


def _search(source: Readable, start: LogPlace, limit: int, wanted: LogFilter, needles: tuple[bytes, ...]) -> LogPage:
    """Look for the bytes first and decode only the lines that have them."""
    lines: list[LogLine] = []
    place = start
    overlap = max(map(len, needles)) - 1
    position, bound = start.offset, start.offset + SEARCH_LIMIT
    while position < min(source.size, bound):
        window = source.read(position, SCAN_WINDOW)
        if not window:
            break
        hit = _first(window, needles)
        if hit < 0:
            position += len(window) if position + len(window) >= source.size else max(1, len(window) - overlap)
            continue
        line_start = _line_at(source, position, window, hit, place)
        for entry in entries(source, line_start, end=position + hit + 1):
            place = entry.after
            if wanted.matches(entry.line):
                lines.append(entry.line)
        position = place.offset
        if len(lines) == limit:
            return LogPage(tuple(lines), place if place.offset < source.size else None)
    behind = max(position, place.offset)
    return LogPage(tuple(lines), None if behind >= source.size else _line_start(source, behind, place))


def _first(window: bytes, needles: tuple[bytes, ...]) -> int:
    found = [hit for hit in (window.find(needle) for needle in needles) if hit >= 0]
    return min(found) if found else -1


def _line_at(source: Readable, position: int, window: bytes, hit: int, place: LogPlace) -> LogPlace:
    """The place of the line, or of the part of a long one, that the hit lies in."""
    found = window.rfind(b"\n", 0, hit)
    if found >= 0:
        facts = LineFacts(_stamp_before(window[max(0, found - LOOK_BACK):found]) or place.facts.at)
        return LogPlace(position + found + 1, False, facts)
    if position == place.offset:
        return place
    return _line_start(source, position + hit, place)


def _line_start(source: Readable, offset: int, place: LogPlace) -> LogPlace:
    """The start of the line around an offset; within a line that is longer than one looks back, the offset itself."""
    back = max(place.offset, offset - LOOK_BACK)
    before = source.read(back, offset - back)
    found = before.rfind(b"\n")
    if found < 0:
        return place if back == place.offset else replace(place, offset=offset, within=True)
    return LogPlace(back + found + 1, False, LineFacts(_stamp_before(before[:found]) or place.facts.at))


def _stamp_before(text: bytes) -> datetime | None:
    for line in reversed(text.split(b"\n")):
        stamp = stamp_of(line[:40].decode("ascii", "replace"))
        if stamp is not None:
            return stamp
    return None


# How our own worker begins what it says of a test; the text behind the number is the test's category.
TEST_BEGINS = re.compile(rb"^\[[^\]\n]{1,40}\] \[[A-Z]+\] \[worker\] Regression test (\d{1,10}) \(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a log that belongs to one regression test; offsets are those of the whole log, `size` is where it ends."""

    log: Readable
    begin: int
    size: int

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on, none behind the section."""
        return self.log.read(start, min(length, self.size - start)) if start < self.size else b""


def beginning_of(log: Readable) -> LogPlace:
    """Where reading starts."""
    return LogPlace(log.begin if isinstance(log, Section) else 0)


def find_section(log: Readable, regression_id: int) -> Section | None:
    """The part of a run's log from where its worker began a test to where it began the next; None where it says nothing of it.

    Looks at the first 256 MiB, window by window; a window is looked at again from its last line on, which may be cut.
    """
    begin, position = None, 0
    while position < min(log.size, SEARCH_LIMIT):
        window = log.read(position, SCAN_WINDOW)
        for mark in TEST_BEGINS.finditer(window):
            if begin is not None and position + mark.start() > begin:
                return Section(log, begin, position + mark.start())
            if int(mark[1]) == regression_id:
                begin = position + mark.start()
        last_line = window.rfind(b"\n") + 1
        position += last_line if last_line > 0 and position + len(window) < log.size else max(1, len(window))
    return None if begin is None else Section(log, begin, log.size)


def end_of_last_line(log: Readable, start: int) -> int:
    """Where the last whole line behind `start` ends, in a log that may still grow; a very long line counts as whole in parts."""
    position = log.size
    while position > start:
        back = max(start, position - LOOK_BACK)
        found = log.read(back, position - back).rfind(b"\n")
        if found >= 0:
            return back + found + 1
        position = back
    return start + (log.size - start) // PIECE_BYTES * PIECE_BYTES
