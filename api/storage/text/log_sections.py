"""Finds the section of a run's log that belongs to one regression test; the bounds that were found can be passed in again."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.domain.text.log_cursor import LogPart
from api.storage.text.kept_scans import KeptScans
from api.storage.text.log_windows import Readable
from api.storage.text.logs import SCAN_WINDOW, SEARCH_LIMIT, WINDOW

# How our own worker begins what it says of a test; the text behind the number is the test's category.
TEST_BEGINS = re.compile(rb"^\[[^\]\n]{1,40}\] \[[A-Z]+\] \[worker\] Regression test (\d{1,10}) \(", re.MULTILINE)
# What each such line has. It is looked for first, since bytes are found many times faster than an expression.
_MARK = b"] [worker] Regression test "
# Of no more tests is kept where they begin in a log.
KEPT_TESTS = 10_000


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a log that belongs to one regression test. It can be read like a log.

    Offsets are bytes from the beginning of the whole log. `size` is the offset at which the section ends. With `has_ended` this
    offset is final; otherwise it grows as the log is written.
    """

    log: Readable
    part: LogPart
    size: int
    has_ended: bool

    def read(self, start: int, length: int) -> bytes:
        """Read up to `length` bytes from the offset `start` on; stops at the end of the section."""
        return self.log.read(start, min(length, self.size - start)) if start < self.size else b""


@dataclass
class _Search:
    """Where tests begin in a log, by their regression ids, as far as they were looked for: up to the line at the offset `reached`."""

    offsets: dict[int, int] = field(default_factory=dict)
    reached: int = 0
    is_through: bool = False

    def begin_of(self, log: Readable, regression_id: int) -> int | None:
        """Where a test begins; None if it does not. Goes on where the search for another test of the log stopped."""
        if regression_id in self.offsets or self.is_through:
            return self.offsets.get(regression_id)
        is_full = False
        for found in _beginnings(log, self.reached, SEARCH_LIMIT):
            is_full = is_full or len(self.offsets) >= KEPT_TESTS
            if found.regression_id is not None and not is_full:
                self.offsets.setdefault(found.regression_id, found.offset)
            if found.regression_id == regression_id:
                return found.offset
            if found.regression_id is None and not is_full:
                self.reached = found.offset
        self.is_through = not is_full
        return None


_searches: KeptScans[_Search] = KeptScans()


@dataclass(frozen=True, slots=True)
class Beginning:
    """The offset of the line with which the worker began a test.

    One without a `regression_id` follows on those of each window; its offset is the start of the line at which the search goes on.
    """

    offset: int
    regression_id: int | None


def find_section(log: Readable, regression_id: int) -> Section | None:
    """Find the section of a test. It ends where the next test begins, or at the end of the log.

    Searches the first 256 MiB of the log for the beginning. Returns None if it is not there.
    """
    begins = (_searches.known(log) or _searches.keep(log, _Search())).begin_of(log, regression_id)
    return None if begins is None else section_of(log, LogPart(begins, begins))


def section_of(log: Readable, part: LogPart) -> Section:
    """Find the present end of a section that was found before. Searches the log from the offset `part.reaches` on."""
    reaches = part.reaches
    for found in _beginnings(log, reaches, reaches + SEARCH_LIMIT):
        if found.regression_id is None:
            reaches = found.offset
        elif found.offset > part.begin:
            return Section(log, LogPart(part.begin, found.offset), found.offset, has_ended=True)
    return Section(log, LogPart(part.begin, reaches), log.size, has_ended=False)


def _beginnings(log: Readable, start: int, bound: int) -> Iterator[Beginning]:
    """Yield the beginnings of tests between `start`, which is the start of a line, and `bound`.

    The last line of a window may be cut off, so the next window begins with that line.
    """
    position, length = start, WINDOW
    while position < min(log.size, bound):
        window = log.read(position, length)
        for mark in _marks(window):
            yield Beginning(position + mark.start(), int(mark[1]))
        last_line = window.rfind(b"\n") + 1
        is_last = position + len(window) >= log.size or not window
        position += last_line if is_last else last_line or len(window)
        yield Beginning(position, None)
        if is_last:
            return
        length = SCAN_WINDOW


def _marks(window: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the lines of a window with which the worker began a test. The window begins with a line."""
    found = window.find(_MARK)
    while found >= 0:
        mark = TEST_BEGINS.match(window, window.rfind(b"\n", 0, found) + 1)
        if mark:
            yield mark
        line_end = window.find(b"\n", found)
        found = window.find(_MARK, line_end) if line_end >= 0 else -1
