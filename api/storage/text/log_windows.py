"""Windows: parts of a log that are held in memory, and the lines in them."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from api.domain.text.decoding import MARK, Encoding, decode_piece
from api.domain.text.log import MESSAGE_LENGTH, PIECE_BYTES, LineFacts, LogLine, facts_of, stamp_of
from api.domain.text.log_cursor import LogPlace

# How far the time of a line without one is looked for.
LOOK_BACK = 64 * 1024
# So many bytes of a line have its time, in UTF-16 too.
STAMP_BYTES = 96
LINES_BACK = 500
# How a line ends in each encoding; in UTF-16 only where these bytes are a whole unit.
_NEWLINES: dict[Encoding | None, bytes] = {None: b"\n", Encoding.UTF_16_LE: b"\n\0", Encoding.UTF_16_BE: b"\0\n"}


class Readable(Protocol):
    """A file, wherever it is stored."""

    @property
    def size(self) -> int:
        """The size in bytes at the time when the file was opened."""

    def read(self, start: int, length: int) -> bytes:
        """Read `length` bytes from the offset `start` on; fewer only at the end of the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a log, and the place where the next one begins."""

    line: LogLine
    after: LogPlace


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a log that is held in memory. `base` is its offset in the log, in bytes.

    `is_last` says that the log ends with the window, `grows` that more may be appended to the log. `wide` is the log's form of
    UTF-16, or None for a log that is not UTF-16.
    """

    base: int
    content: bytes
    is_last: bool
    grows: bool
    wide: Encoding | None = None

    @property
    def end(self) -> int:
        """The offset in the log of the first byte after the window."""
        return self.base + len(self.content)

    @property
    def is_whole(self) -> bool:
        """Whether the last line of the window is complete, because the log ends there and does not grow."""
        return self.is_last and not self.grows

    def entry(self, place: LogPlace) -> Entry | None:
        """Decode the line, or the part of a long line, that starts at `place`. Returns None if the window ends before the line does."""
        at = place.offset - self.base
        line_end = self._newline(at, at + PIECE_BYTES + len(_NEWLINES[self.wide]))
        in_sight = line_end >= 0 or len(self.content) - at > PIECE_BYTES
        if not (in_sight or self.is_whole) or at >= len(self.content):
            return None
        return _entry(self.content, at, line_end, place, self.wide)

    def _newline(self, start: int, end: int) -> int:
        """Find the first newline between two positions in the window. Returns its position, or −1 if there is none."""
        newline = _NEWLINES[self.wide]
        found = self.content.find(newline, start, end)
        while self.wide and found >= 0 and (self.base + found) % 2:
            found = self.content.find(newline, found + 1, end)
        return found

    def _last_newline(self, start: int, end: int) -> int:
        """Find the last newline between two positions in the window. Returns its position, or −1 if there is none."""
        newline = _NEWLINES[self.wide]
        found = self.content.rfind(newline, start, end)
        while self.wide and found >= 0 and (self.base + found) % 2:
            found = self.content.rfind(newline, start, found + len(newline) - 1)
        return found

    def line_of(self, offset: int, place: LogPlace) -> LogPlace:
        """Find the start of the line that contains `offset`. Returns `place` if no line begins between `place` and `offset`."""
        found = self._last_newline(place.offset - self.base, offset - self.base)
        behind = self.base + found + len(_NEWLINES[self.wide])
        return place if found < 0 else LogPlace(behind, False, LineFacts(self._time_before(found, place)))

    def _time_before(self, end: int, place: LogPlace) -> datetime | None:
        """Find the timestamp of the nearest line before `end`, not before `place`. Falls back to the time of `place`."""
        first = place.offset - self.base
        low = max(first, end - LOOK_BACK)
        for _ in range(LINES_BACK):
            found = self._last_newline(low, end)
            if found < 0:
                break
            if (stamp := self._stamp(found + len(_NEWLINES[self.wide]), end)) is not None:
                return stamp
            end = found
        return (self._stamp(first, end) if low == first and not place.within else None) or place.facts.at

    def _stamp(self, start: int, end: int) -> datetime | None:
        beginning, _ = decode_piece(self.content[start:min(end, start + STAMP_BYTES)], STAMP_BYTES, whole=False, wide=self.wide)
        return stamp_of(beginning.removeprefix(MARK) if self.base + start == 0 else beginning)


def read_window(source: Readable, base: int, length: int, wide: Encoding | None, *, grows: bool) -> Window:
    """Read `length` bytes of a log from the offset `base` on; fewer at the end of the log."""
    content = source.read(base, length)
    return Window(base, content, len(content) < length or base + len(content) >= source.size, grows, wide)


def _entry(buffer: bytes, at: int, line_end: int, place: LogPlace, wide: Encoding | None) -> Entry:
    """Decode the line, or the part of a long line, that starts at `at`. `line_end` is the position of its newline, −1 if none was found."""
    raw = buffer[at:line_end] if line_end >= 0 else buffer[at:at + PIECE_BYTES]
    at_end = line_end < 0 and at + len(raw) == len(buffer)
    text, used = decode_piece(raw, MESSAGE_LENGTH, whole=line_end >= 0 or at_end, legacy=place.legacy, wide=wide)
    finished = used == len(raw) and (line_end >= 0 or at_end)
    shown = text.removeprefix(MARK) if place.offset == 0 else text
    facts = place.facts if place.within else facts_of(shown, place.facts)
    offset = place.offset + used + (len(_NEWLINES[wide]) if finished and line_end >= 0 else 0)
    message = shown.removesuffix("\r") if finished else shown
    # What was UTF-8 is the same bytes again.
    legacy = not finished and wide is None and (place.legacy or text.encode() != raw[:used])
    return Entry(LogLine(facts, message, continued=not finished), LogPlace(offset, not finished, facts, legacy=legacy))
