"""Reads pages of logs, at a cost that depends on the page alone; filters do bounded work."""
from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from api.domain.text.decoding import MARK
from api.domain.text.log import (
    PIECE_BYTES,
    LineFacts,
    LogFilter,
    LogLine,
    decode_piece,
    facts_of,
    stamp_of,
)
from api.domain.text.log_cursor import LogPlace

WINDOW = 128 * 1024
SCAN_WINDOW = 4 << 20
# A search begins with a small window, since words that stand everywhere are found at once, and goes on with larger ones.
GROWTH = 4
SEARCH_LIMIT = 256 << 20
# What one call may decode for a filter: bytes, where each line counts as so many more.
FILTER_LIMIT = 4 << 20
LINE_COST = 80
# How far the time of a line without one is looked for.
LOOK_BACK = 64 * 1024
LINES_BACK = 500


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
    """Some lines, and the place where the next page starts; None at the end of a log that is whole."""

    lines: tuple[LogLine, ...]
    next: LogPlace | None


def read_page(source: Readable, start: LogPlace, limit: int, wanted: LogFilter, *, grows: bool = False) -> LogPage:
    """The next lines that are wanted. A page may be empty and lead on, when as much was scanned as one call may.

    Of a log that grows a last line that has not ended yet is left for later, and each page leads on.
    """
    if wanted.is_hopeless:
        return LogPage((), start if grows else None)
    if wanted.needles:
        return _Search(source, start, limit, wanted, grows=grows).run()
    bound = start.offset + FILTER_LIMIT if wanted != LogFilter() else None
    lines: list[LogLine] = []
    place = start
    for looked_at, entry in enumerate(entries(source, start, grows=grows), 1):
        place = entry.after
        if wanted.matches(entry.line):
            lines.append(entry.line)
        if len(lines) == limit or (bound is not None and place.offset + looked_at * LINE_COST >= bound):
            break
    return LogPage(tuple(lines), place if grows or place.offset < source.size else None)


def entries(source: Readable, start: LogPlace, *, grows: bool = False) -> Iterator[Entry]:
    """The lines from a place on, up to the end of the file; of one that grows without a last line that has not ended yet.

    Of such a line, where it is long, those parts are there that will stay as they are.
    """
    place, window = start, None
    while place.offset < source.size:
        entry = None if window is None else window.entry(place)
        if entry is not None:
            place = entry.after
            yield entry
        elif window is None or window.base < place.offset:
            window = _window(source, place.offset, WINDOW, grows=grows)
        else:
            return


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a log in memory, from `base` on; `is_last` where the log ends with it, `grows` where its last line may go on."""

    base: int
    content: bytes
    is_last: bool
    grows: bool

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.base + len(self.content)

    @property
    def is_whole(self) -> bool:
        """Whether its end is where its last line ends."""
        return self.is_last and not self.grows

    def entry(self, place: LogPlace) -> Entry | None:
        """The line, or the part of a long one, that starts at a place; None where the window ends too soon to tell."""
        at = place.offset - self.base
        line_end = self.content.find(b"\n", at, at + PIECE_BYTES + 1)
        in_sight = line_end >= 0 or len(self.content) - at > PIECE_BYTES
        if not (in_sight or self.is_whole) or at >= len(self.content):
            return None
        return _entry(self.content, at, line_end, place)

    def line_of(self, offset: int, place: LogPlace) -> LogPlace:
        """The start of the line that an offset lies in, or the place where that line starts before it."""
        found = self.content.rfind(b"\n", place.offset - self.base, offset - self.base)
        return place if found < 0 else LogPlace(self.base + found + 1, False, LineFacts(self._time_before(found, place)))

    def _time_before(self, end: int, place: LogPlace) -> datetime | None:
        """The time that the nearest line tells between a place and the end of a line, of those shortly before the end."""
        first = place.offset - self.base
        low = max(first, end - LOOK_BACK)
        for _ in range(LINES_BACK):
            found = self.content.rfind(b"\n", low, end)
            if found < 0:
                break
            if (stamp := self._stamp(found + 1, end)) is not None:
                return stamp
            end = found
        return (self._stamp(first, end) if low == first and not place.within else None) or place.facts.at

    def _stamp(self, start: int, end: int) -> datetime | None:
        beginning = self.content[start:min(end, start + 40)]
        return stamp_of((beginning.removeprefix(BOM_UTF8) if self.base + start == 0 else beginning).decode("ascii", "replace"))


def _window(source: Readable, base: int, length: int, *, grows: bool) -> Window:
    content = source.read(base, length)
    return Window(base, content, is_last=len(content) < length or base + len(content) >= source.size, grows=grows)


def _entry(buffer: bytes, at: int, line_end: int, place: LogPlace) -> Entry:
    """The line, or the part of a long one, that starts at `at`; `line_end` is where it ends, −1 if that is not in sight."""
    raw = buffer[at:line_end] if line_end >= 0 else buffer[at:at + PIECE_BYTES]
    at_end = line_end < 0 and at + len(raw) == len(buffer)
    text, used = decode_piece(raw, whole=line_end >= 0 or at_end, legacy=place.legacy)
    finished = used == len(raw) and (line_end >= 0 or at_end)
    shown = text.removeprefix(MARK) if place.offset == 0 else text
    facts = place.facts if place.within else facts_of(shown, place.facts)
    offset = place.offset + used + (1 if finished and line_end >= 0 else 0)
    message = shown.removesuffix("\r") if finished else shown
    # What was UTF-8 is the same bytes again.
    legacy = not finished and (place.legacy or text.encode() != raw[:used])
    return Entry(LogLine(facts, message, continued=not finished), LogPlace(offset, not finished, facts, legacy=legacy))


class _Search:
    """Looks for bytes first and decodes only the lines that have them; each byte is read once, or nearly so."""

    def __init__(self, source: Readable, start: LogPlace, limit: int, wanted: LogFilter, *, grows: bool) -> None:
        self._source, self._limit, self._wanted, self._grows = source, limit, wanted, grows
        self._place, self._end = start, min(source.size, start.offset + SEARCH_LIMIT)
        self._lines: list[LogLine] = []
        self._decoded = 0

    def run(self) -> LogPage:
        """The lines found, and the place up to which all was looked at."""
        length = min(WINDOW, SCAN_WINDOW)
        while self._place.offset < self._end and not self._has_enough():
            window = _window(self._source, self._place.offset, length, grows=self._grows)
            self._look_through(window)
            if window.is_last:
                break
            # A window that is no longer than a line must grow, or it would be read again and again.
            length = min(GROWTH * length, SCAN_WINDOW) if self._place.offset > window.base else GROWTH * length
        leads_on = self._grows or self._place.offset < self._source.size
        return LogPage(tuple(self._lines), self._place if leads_on else None)

    def _has_enough(self) -> bool:
        return len(self._lines) == self._limit or self._decoded >= FILTER_LIMIT

    def _look_through(self, window: Window) -> None:
        hits = _Hits(window, self._wanted.needles)
        while not self._has_enough():
            hit = hits.next_from(self._place.offset)
            if hit is None:
                self._place = self._behind_all(window)
                return
            if not self._look_at(window, hit):
                return

    def _look_at(self, window: Window, hit: int) -> bool:
        """Take the line, or the part of one, in which a hit begins, if it is wanted; False where the window ends too soon."""
        self._place, before = window.line_of(hit, self._place), self._place.offset
        while (entry := window.entry(self._place)) is not None and entry.after.offset <= hit:
            self._place = entry.after
        following = window.entry(entry.after) if entry is not None and entry.line.continued else None
        if entry is None or (entry.line.continued and following is None):
            return False
        if self._wanted.matches(entry.line, following.line.message if following is not None else ""):
            self._lines.append(entry.line)
        self._place = entry.after
        self._decoded += LINE_COST + min(LOOK_BACK, self._place.offset - before)
        return True

    def _behind_all(self, window: Window) -> LogPlace:
        """Where to go on behind a window that has no further hit: nothing that may begin one in its last line is left out."""
        if window.is_whole:
            return LogPlace(window.end)
        place = window.line_of(window.end, self._place)
        longest = max(map(len, self._wanted.needles))
        while (entry := window.entry(place)) is not None and entry.after.offset + longest <= window.end:
            place = entry.after
        return place


class _Hits:
    """Where one of several needles stands in a window; each is looked for once from each place on."""

    def __init__(self, window: Window, needles: Sequence[bytes]) -> None:
        self._window = window
        self._next = dict.fromkeys(needles, -1)

    def next_from(self, offset: int) -> int | None:
        """The next place of any of them, from an offset on that is never less than the one before."""
        at = offset - self._window.base
        for needle, known in self._next.items():
            if known < at:
                found = self._window.content.find(needle, at)
                self._next[needle] = found if found >= 0 else len(self._window.content)
        first = min(self._next.values())
        return None if first >= len(self._window.content) else self._window.base + first
