"""Finds the lines of a log by their numbers, or by words in them, in its first 256 MiB."""
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from types import MappingProxyType

from api.domain.text.decoding import Encoding, decode_line
from api.domain.text.log import LogFilter, LogLine
from api.domain.text.log_cursor import LogPlace
from api.storage.text.kept_scans import KeptScans
from api.storage.text.log_windows import Readable
from api.storage.text.logs import SEARCH_LIMIT, encoding_of, entries
from api.storage.text.word_search import any_case_search

BLOCK = 1 << 20
# Of a line with a word this many bytes are shown, from a little before the word on if it stands further behind.
SHOWN_BYTES = 4_000
BEFORE_WORD = 400
# A line is read in parts; so many parts for each line that is wanted are read at most.
PARTS = 4


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line of a log, or its beginning; `number` counts from 1."""

    number: int
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a log, and how many it has. `is_counted` is false where the log is too long for all to be counted."""

    lines: tuple[PlacedLine, ...]
    total: int
    is_counted: bool


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Lines with some words, and the number of the line at which the search goes on; None where it came to the log's end."""

    lines: tuple[PlacedLine, ...]
    next: int | None


@dataclass(frozen=True)
class _Block:
    """Whole lines of a log, or a part of a line that is longer than a block. `number` is that of its first line."""

    offset: int
    number: int
    content: bytes
    wide: Encoding | None

    @cached_property
    def after(self) -> int:
        """The number of the line that begins behind this block, or goes on there."""
        return self.number + self.count(0, len(self.content))

    def count(self, start: int, end: int) -> int:
        """How many lines end between two positions in the block."""
        if self.wide is None:
            return self.content.count(b"\n", start, end)
        return sum(1 for place in self._breaks(start) if place <= end)

    def next_break(self, start: int) -> int:
        """The position behind the first newline from a position on; that of the block's end if there is none."""
        if self.wide is None:
            return self.content.find(b"\n", start) + 1 or len(self.content)
        return next(self._breaks(start), len(self.content))

    def line_start(self, position: int) -> int:
        """The position at which the line begins that has this one."""
        if self.wide is None:
            return self.content.rfind(b"\n", 0, position) + 1
        return max((place for place in self._breaks(0) if place <= position), default=0)

    def start_of(self, number: int) -> int:
        """The position at which the line with this number begins."""
        position = 0
        for _ in range(number - self.number):
            position = self.next_break(position)
        return position

    def _breaks(self, start: int) -> Iterator[int]:
        newline = "\n".encode(self.wide or "utf-8")
        found = self.content.find(newline, start)
        while found >= 0:
            if found % len(newline) == 0:
                yield found + len(newline)
            found = self.content.find(newline, found + 1)


@dataclass
class _Index:
    """The number and the offset of the first line that begins in each block, the number of the last line, and how far this reaches."""

    places: list[tuple[int, int]] = field(default_factory=list)
    total: int = 0
    reaches: int = 0
    _is_within: bool = False

    def add(self, block: _Block) -> None:
        """Count the lines of the next block."""
        end = len(block.content)
        if not self._is_within:
            self.places.append((block.number, block.offset))
        elif block.after > block.number:
            self.places.append((block.number + 1, block.offset + block.next_break(0)))
        self._is_within = block.line_start(end) < end
        self.total, self.reaches = block.after - (not self._is_within), block.offset + end


_indexes: KeptScans[_Index] = KeptScans()


def read_lines(log: Readable, first: int, most: int) -> Excerpt:
    """Read up to `most` lines from the one with the number `first` on; where there are not so many, the last line."""
    index = _indexes.known(log) or _index(log)
    if not index.total:
        return Excerpt((), 0, is_counted=True)
    number = min(max(1, first), index.total)
    place = index.places[bisect_right(index.places, number, key=lambda each: each[0]) - 1]
    block = _block(log, place[1], place[0], encoding_of(log))
    start = LogPlace(block.offset + block.start_of(number))
    lines = _placed(islice((entry.line for entry in entries(log, start)), PARTS * most), number)
    return Excerpt(tuple(islice(lines, most)), index.total, is_counted=index.reaches >= log.size)


def find_lines(log: Readable, words: str, first: int, most: int) -> FoundLines:
    """Find up to `most` lines with these words, from the line with the number `first` on. Letters of ASCII have no case."""
    if "\n" in words:
        return FoundLines((), None)
    needles = [each.lower() for each in LogFilter(contains=words).needles(encoding_of(log))]
    may_have = any_case_search(needles)
    found: list[PlacedLine] = []
    for block in _blocks_from(log, first):
        if not may_have(block.content):
            continue
        for line in _hits(block, needles):
            if line.number >= first and (not found or found[-1].number != line.number):
                if len(found) == most:
                    return FoundLines(tuple(found), line.number)
                found.append(line)
    return FoundLines(tuple(found), None)


def _blocks_from(log: Readable, first: int) -> Iterator[_Block]:
    """The blocks of a log that have the line with this number and what follows. Lines that were counted once are not counted again."""
    index = _indexes.known(log)
    if index is None or not index.places:
        yield from (block for block in _counted(log) if block.number >= first or block.after >= first)
        return
    begin = max(0, bisect_right(index.places, first, key=lambda each: each[0]) - 1)
    yield from _blocks(log, *index.places[begin], {offset: number for number, offset in index.places[begin:]})


def _counted(log: Readable) -> Iterator[_Block]:
    """The blocks of a log. What was counted is kept where all of them were asked for."""
    index = _Index()
    for block in _blocks(log):
        index.add(block)
        yield block
    _indexes.keep(log, index)


def _blocks(log: Readable, number: int = 1, offset: int = 0, known: Mapping[int, int] = MappingProxyType({})) -> Iterator[_Block]:
    """The blocks of a log from a line on. `known` has the numbers of the lines that begin at some offsets."""
    wide = encoding_of(log)
    while offset < min(log.size, SEARCH_LIMIT):
        block = _block(log, offset, number, wide)
        if not block.content:
            return
        yield block
        offset += len(block.content)
        number = known.get(offset) or block.after


def _block(log: Readable, offset: int, number: int, wide: Encoding | None) -> _Block:
    block = _Block(offset, number, log.read(offset, BLOCK), wide)
    if offset + len(block.content) >= log.size:
        return block
    whole = block.line_start(len(block.content))
    return _Block(offset, number, block.content[:whole] or block.content, wide)


def _index(log: Readable) -> _Index:
    index = _Index()
    for block in _blocks(log):
        index.add(block)
    return _indexes.keep(log, index)


def _placed(lines: Iterator[LogLine], number: int) -> Iterator[PlacedLine]:
    goes_on = False
    for line in lines:
        if not goes_on:
            yield PlacedLine(number, line.message, line.continued)
        goes_on = line.continued
        number += not goes_on


def _hits(block: _Block, needles: list[bytes]) -> Iterator[PlacedLine]:
    lowered = _Block(block.offset, block.number, block.content.lower(), block.wide)
    position, number, end = 0, block.number, len(block.content)
    while (hit := min((_find(lowered, each, position) for each in needles), default=end)) < end:
        start = max(position, block.line_start(hit))
        number += block.count(position, start)
        behind = block.next_break(hit)
        shown = start if hit - start < SHOWN_BYTES // 2 else hit - BEFORE_WORD // 2 * 2
        yield PlacedLine(number, _text(block, shown, min(behind, shown + SHOWN_BYTES)), behind - shown > SHOWN_BYTES or shown > start)
        position, number = behind, number + 1


def _find(lowered: _Block, needle: bytes, start: int) -> int:
    found = lowered.content.find(needle, start)
    while lowered.wide is not None and found % 2 and found >= 0:
        found = lowered.content.find(needle, found + 1)
    return len(lowered.content) if found < 0 else found


def _text(block: _Block, start: int, end: int) -> str:
    content = block.content[start:end]
    text = decode_line(content) if block.wide is None else content.decode(block.wide, "replace")
    return text.rstrip("\r\n")
