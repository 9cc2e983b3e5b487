"""Reads pages of logs. A page costs the same at any offset, and a filter reads a bounded number of bytes per page."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from api.domain.text.decoding import LOG_HEAD, MARK_BYTES, Encoding, utf_16_of_log
from api.domain.text.log import LogFilter, LogLine
from api.domain.text.log_cursor import LogPlace
from api.storage.text.log_windows import LOOK_BACK, Entry, Readable, Window, read_window

WINDOW = 128 * 1024
SCAN_WINDOW = 4 << 20
# A search begins with a small window, since words that stand everywhere are found at once, and goes on with larger ones.
GROWTH = 4
SEARCH_LIMIT = 256 << 20
# What one call may decode for a filter: bytes, where each line counts as so many more.
FILTER_LIMIT = 4 << 20
LINE_COST = 80


@dataclass(frozen=True, slots=True)
class LogPage:
    """The lines of a page, and the place where the next page starts. `next` is None at the end of a log that does not grow."""

    lines: tuple[LogLine, ...]
    next: LogPlace | None


def read_page(source: Readable, start: LogPlace, limit: int, wanted: LogFilter, *, grows: bool = False) -> LogPage:
    """Read up to `limit` lines that match the filter, from `start` on.

    One call scans a bounded number of bytes. When it reaches that bound it returns the lines found so far, perhaps none, and a
    `next`. In a log that grows, a last line without a newline is left for the next page, and `next` is never None.
    """
    if wanted.is_hopeless:
        return LogPage((), start if grows else None)
    if wanted.contains:
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
    """Yield the lines from `start` to the end of the file.

    In a log that grows, a last line without a newline is not yielded. If it is so long that it is read in parts, the parts that
    cannot change any more are.
    """
    wide = encoding_of(source, grows=grows)
    place, window = _aligned(start, wide), None
    while place.offset < source.size:
        entry = None if window is None else window.entry(place)
        if entry is not None:
            place = entry.after
            yield entry
        elif window is None or window.base < place.offset:
            window = read_window(source, place.offset, WINDOW, wide, grows=grows)
        else:
            return


def encoding_of(source: Readable, *, grows: bool = False) -> Encoding | None:
    """Detect the form of UTF-16 of a log. Returns None for a log that is not UTF-16; the encoding is then guessed line by line."""
    return utf_16_of_log(source.read(0, MARK_BYTES if grows else LOG_HEAD), grows=grows)


def _aligned(place: LogPlace, wide: Encoding | None) -> LogPlace:
    """Move a place to the next even offset if the log is UTF-16; it may come from a time when the log was not known to be UTF-16."""
    return replace(place, offset=place.offset + 1) if wide and place.offset % 2 else place


class _Search:
    """Searches the log's bytes for the words, and decodes only the lines that contain them. Hardly any byte is read twice."""

    def __init__(self, source: Readable, start: LogPlace, limit: int, wanted: LogFilter, *, grows: bool) -> None:
        self._source, self._limit, self._wanted, self._grows = source, limit, wanted, grows
        self._wide = encoding_of(source, grows=grows)
        self._needles = wanted.needles(self._wide)
        self._place, self._end = _aligned(start, self._wide), min(source.size, start.offset + SEARCH_LIMIT)
        self._lines: list[LogLine] = []
        self._decoded = 0

    def run(self) -> LogPage:
        """Search from the start until the page is full, a bound is reached or the log ends."""
        length = min(WINDOW, SCAN_WINDOW)
        while self._place.offset < self._end and not self._has_enough():
            window = read_window(self._source, self._place.offset, length, self._wide, grows=self._grows)
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
        hits = _Hits(window, self._needles)
        while not self._has_enough():
            hit = hits.next_from(self._place.offset)
            if hit is None:
                self._place = self._behind_all(window)
                return
            if not self._look_at(window, hit):
                return

    def _look_at(self, window: Window, hit: int) -> bool:
        """Add the line that contains the offset `hit` to the page if it matches. Returns False if the window ends before that line does."""
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
        """The place where the search goes on after a window without further hits; a word may begin in its last line and end after it."""
        if window.is_whole:
            return LogPlace(window.end)
        place = window.line_of(window.end, self._place)
        longest = max(map(len, self._needles))
        while (entry := window.entry(place)) is not None and entry.after.offset + longest <= window.end:
            place = entry.after
        return place


class _Hits:
    """Finds the next of several byte strings in a window. No part of the window is searched twice for the same string."""

    def __init__(self, window: Window, needles: Sequence[bytes]) -> None:
        self._window = window
        self._next = dict.fromkeys(needles, -1)

    def next_from(self, offset: int) -> int | None:
        """Find the first hit at or after `offset`. Successive calls must not go back. Returns its offset in the log, or None."""
        at = offset - self._window.base
        for needle, known in self._next.items():
            if known < at:
                found = self._window.content.find(needle, at)
                self._next[needle] = found if found >= 0 else len(self._window.content)
        first = min(self._next.values())
        return None if first >= len(self._window.content) else self._window.base + first
