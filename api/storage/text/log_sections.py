"""The section of a run's log that belongs to one regression test; its bounds are found once and cached."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from api.domain.text.log_cursor import LogPart
from api.storage.text.log_windows import Readable
from api.storage.text.logs import SCAN_WINDOW, SEARCH_LIMIT, WINDOW

# How our own worker begins what it says of a test; the text behind the number is the test's category.
TEST_BEGINS = re.compile(rb"^\[[^\]\n]{1,40}\] \[[A-Z]+\] \[worker\] Regression test (\d{1,10}) \(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a log that belongs to one regression test; offsets are those of the whole log, `size` is where it ends.

    `has_ended` says that it will not end later, whatever is written.
    """

    log: Readable
    part: LogPart
    size: int
    has_ended: bool

    def read(self, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on, none behind the section."""
        return self.log.read(start, min(length, self.size - start)) if start < self.size else b""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the worker began a test; `regression_id` is None at the end of what was looked at, a line's start."""

    offset: int
    regression_id: int | None


def find_section(log: Readable, regression_id: int) -> Section | None:
    """From where the worker began a test to where it began the next, or to the log's end; None where the log says nothing of it.

    Looks for the beginning in the first 256 MiB.
    """
    begins = next((each.offset for each in _beginnings(log, 0) if each.regression_id == regression_id), None)
    return None if begins is None else section_of(log, LogPart(begins, begins))


def section_of(log: Readable, part: LogPart) -> Section:
    """A section that was found before, as far as the log goes now. Looks only at what is not known not to be its end."""
    for found in _beginnings(log, part.reaches):
        if found.regression_id is None:
            return Section(log, LogPart(part.begin, max(part.reaches, found.offset)), log.size, has_ended=False)
        if found.offset > part.begin:
            return Section(log, LogPart(part.begin, found.offset), found.offset, has_ended=True)
    return Section(log, part, log.size, has_ended=False)


def _beginnings(log: Readable, start: int) -> Iterator[Beginning]:
    """The tests' beginnings from a line's start on, in 256 MiB; a window is looked at again from its last line on, which may be cut."""
    position, length = start, WINDOW
    while position < min(log.size, start + SEARCH_LIMIT):
        window = log.read(position, length)
        for mark in TEST_BEGINS.finditer(window):
            yield Beginning(position + mark.start(), int(mark[1]))
        last_line = window.rfind(b"\n") + 1
        if position + len(window) >= log.size or not window:
            position += last_line
            break
        position, length = position + (last_line or len(window)), SCAN_WINDOW
    yield Beginning(position, None)
