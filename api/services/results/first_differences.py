"""Finds the first differences of many pairs of files, in parallel, within one time limit."""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache

from api.domain.errors import Unavailable
from api.domain.results.triage import REACH, FirstDifference, NoDifference, first_difference
from api.domain.text.common_beginning import common_length
from api.domain.text.decoding import HEAD, Reading
from api.storage.files.archive import Archive
from api.storage.files.stored_file import Source

CHUNK = HEAD
LIMIT = 8 << 20
# So many pairs are remembered, each with a kilobyte or two.
REMEMBERED = 2048
Finding = FirstDifference | NoDifference


@dataclass(frozen=True, slots=True)
class Pair:
    """The names of an output's baseline and of the actual output in the store."""

    output_id: int
    expected: str
    actual: str


class DifferenceFinder:
    """Compares pairs of files in threads of its own; those that are not done within `seconds` are left out.

    What was found is remembered for as long as both files are the same.
    """

    def __init__(self, *, threads: int = 8, seconds: float = 1.0) -> None:
        self._pool = ThreadPoolExecutor(threads, "difference")
        self._seconds = seconds
        self._known: LRUCache[tuple[str, ...], Finding] = LRUCache(REMEMBERED)
        self._lock = Lock()

    def find(self, pairs: Sequence[Pair], archive: Archive) -> dict[Pair, Finding]:
        """The first difference of each pair, or why it is unknown."""
        started = {self._pool.submit(self._find_one, archive, pair): pair for pair in pairs}
        finished, late = wait(started, self._seconds)
        for future in late:
            future.cancel()
        found: dict[Pair, Finding] = {started[future]: NoDifference.TIME_LIMIT for future in late}
        return found | {started[future]: future.result() for future in finished}

    def _find_one(self, archive: Archive, pair: Pair) -> Finding:
        """Where two files first differ, looking at no more than their first 8 MiB, or why that is not known."""
        try:
            expected, actual = archive.open(pair.expected), archive.open(pair.actual)
            if expected is None or actual is None:
                return NoDifference.FILE_MISSING
            key = expected.name, expected.version, actual.name, actual.version
            with self._lock:
                known = self._known.get(key)
            if known is None:
                known = _compare(expected, actual) or NoDifference.NONE_FOUND
                with self._lock:
                    self._known[key] = known
            return known
        except Unavailable:
            return NoDifference.STORE_UNAVAILABLE


def _compare(expected: Source, actual: Source) -> FirstDifference | None:
    begins = expected.read(0, CHUNK), actual.read(0, CHUNK)
    reading = Reading.of(*begins)
    marks = reading.expected_mark, reading.actual_mark
    # Positions are counted behind the marks; the first step is as long on either side.
    left, right = (begin[mark:CHUNK - max(marks) + mark] for begin, mark in zip(begins, marks, strict=True))
    position, lines, line_start = 0, 0, 0
    while left == right and left and position + len(left) < LIMIT:
        ends, rest = reading.line_ends(left)
        lines, position = lines + ends, position + len(left)
        line_start = position - rest if ends else line_start
        left, right = expected.read(position + marks[0], CHUNK), actual.read(position + marks[1], CHUNK)
    if left == right:
        return first_difference(*map(reading.as_utf_8, begins), bom=reading.bom) if reading.bom else None
    head = expected.read(line_start + marks[0], position - line_start) if line_start < position else b""
    length = max(len(left), len(right))
    if common_length(left, right) + REACH >= length >= CHUNK - max(marks):
        left += expected.read(position + length + marks[0], REACH)
        right += actual.read(position + length + marks[1], REACH)
    return first_difference(
        reading.as_utf_8(head + left), reading.as_utf_8(head + right), lines_before=lines, bom=reading.bom)
