"""Finds the section of a run's log that belongs to one regression test; the bounds that were found can be passed in again."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from api.domain.text.log_cursor import LogPart
from api.storage.text.kept_scans import KeptScans
from api.storage.text.log_windows import Readable
from api.storage.text.logs import SCAN_WINDOW, SEARCH_LIMIT, WINDOW

# How our own worker begins what it says of a test; the text behind the number is the test's category.
TEST_BEGINS = re.compile(rb"^\[[^\]\n]{1,40}\] \[[A-Z]+\] \[worker\] Regression test (\d{1,10}) \(", re.MULTILINE)
# What each such line has. It is looked for first, since bytes are found many times faster than an expression.
_MARK = b"] [worker] Regression test "
_begins: KeptScans[int | None] = KeptScans()


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


@dataclass(frozen=True, slots=True)
class Beginning:
    """The offset of the line with which the worker began a test.

    The last one that a search yields has no `regression_id`; its offset is the start of the line at which the search stopped.
    """

    offset: int
    regression_id: int | None


def find_section(log: Readable, regression_id: int) -> Section | None:
    """Find the section of a test. It ends where the next test begins, or at the end of the log.

    Searches the first 256 MiB of the log for the beginning. Returns None if it is not there.
    """
    begins = _begins.find(
        log, regression_id, lambda: next((each.offset for each in _beginnings(log, 0) if each.regression_id == regression_id), None))
    return None if begins is None else section_of(log, LogPart(begins, begins))


def section_of(log: Readable, part: LogPart) -> Section:
    """Find the present end of a section that was found before. Searches the log from the offset `part.reaches` on."""
    for found in _beginnings(log, part.reaches):
        if found.regression_id is None:
            return Section(log, LogPart(part.begin, max(part.reaches, found.offset)), log.size, has_ended=False)
        if found.offset > part.begin:
            return Section(log, LogPart(part.begin, found.offset), found.offset, has_ended=True)
    return Section(log, part, log.size, has_ended=False)


def _beginnings(log: Readable, start: int) -> Iterator[Beginning]:
    """Yield the beginnings of tests in the 256 MiB from `start` on, which is the start of a line.

    The last line of a window may be cut off, so the next window begins with that line.
    """
    position, length = start, WINDOW
    while position < min(log.size, start + SEARCH_LIMIT):
        window = log.read(position, length)
        for mark in _marks(window):
            yield Beginning(position + mark.start(), int(mark[1]))
        last_line = window.rfind(b"\n") + 1
        if position + len(window) >= log.size or not window:
            position += last_line
            break
        position, length = position + (last_line or len(window)), SCAN_WINDOW
    yield Beginning(position, None)


def _marks(window: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the lines of a window with which the worker began a test. The window begins with a line."""
    found = window.find(_MARK)
    while found >= 0:
        mark = TEST_BEGINS.match(window, window.rfind(b"\n", 0, found) + 1)
        if mark:
            yield mark
        line_end = window.find(b"\n", found)
        found = window.find(_MARK, line_end) if line_end >= 0 else -1
