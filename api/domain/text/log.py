"""Lines of a log: the timestamp, level and source of each, and which of them are wanted."""
from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from api.domain.text.decoding import Encoding, encode_cp1252, without_colours
from api.domain.text.log_level import LOOKED_AT, WORDS, LogLevel, level_of, own_text

MESSAGE_LENGTH = 4000
# No character needs more than four bytes, so this much always holds a whole message.
PIECE_BYTES = 4 * MESSAGE_LENGTH


class LogSource(StrEnum):
    """Which part of the system wrote a line."""

    ORCHESTRATOR = "orchestrator"
    WORKER = "worker"
    BUILD = "build"
    TEST_RUNNER = "test_runner"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What is known of a line; `at` is None while no line has told a time."""

    at: datetime | None = None
    level: LogLevel = LogLevel.INFO
    source: LogSource = LogSource.WORKER


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, or where it is longer than a message may be, a part of it; `continued` when the next entry goes on with it."""

    facts: LineFacts
    message: str
    continued: bool = False


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines are wanted; None asks for nothing. `contains` regards case."""

    level: LogLevel | None = None
    source: LogSource | None = None
    contains: str | None = None

    def matches(self, line: LogLine, ahead: str = "") -> bool:
        """Whether a line is wanted. `ahead` is what follows on a part of a long one; the text must begin in the part itself."""
        return (
            self.level in (None, line.facts.level) and self.source in (None, line.facts.source)
            and (self.contains is None or self.contains in line.message + ahead[:max(0, len(self.contains) - 1)]))

    @property
    def is_hopeless(self) -> bool:
        """Whether no line can match, since none has its own end in it."""
        return self.contains is not None and "\n" in self.contains

    def needles(self, wide: Encoding | None) -> tuple[bytes, ...]:
        """The bytes that `contains` may stand for in a log, in UTF-16 or of any encoding else; none where any line may match."""
        if not self.contains:
            return ()
        if wide is not None:
            return (self.contains.encode(wide, "replace"),)
        encoded = {self.contains.encode("utf-8", "replace")}
        with suppress(UnicodeEncodeError):
            encoded.add(encode_cp1252(self.contains))
        return tuple(sorted(encoded))


# The time is the first thing on a line, in brackets or bare; a comma or a dot before the fraction; no offset means UTC.
STAMP = re.compile(
    r"\[?(?P<day>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}:\d{2})(?:[.,](?P<fraction>\d{1,6})\d*)?"
    r" ?(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?\]?(?=\s|$)[ \t]*")
BRACKETED = re.compile(r"\[(?P<word>[A-Za-z_]{3,14})\][ \t:]*")
SOURCES = {source.value: source for source in LogSource}


def facts_of(text: str, before: LineFacts) -> LineFacts:
    """What a line says of itself; its time is that of the line before where it has none of its own."""
    head = without_colours(text[:LOOKED_AT])
    stamp = STAMP.match(head)
    at = _instant(stamp) if stamp else None
    level, source = _marks(head[stamp.end():] if stamp and at else head)
    return LineFacts(at or before.at, level, source)


def stamp_of(text: str) -> datetime | None:
    """The time at the start of a line, if there is one."""
    stamp = STAMP.match(text)
    return _instant(stamp) if stamp else None


def _instant(stamp: re.Match[str]) -> datetime | None:
    offset = stamp["offset"] or "Z"
    fraction = (stamp["fraction"] or "0").ljust(6, "0")
    try:
        return datetime.fromisoformat(
            f"{stamp['day']}T{stamp['time']}.{fraction}{'Z' if offset == 'UTC' else offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _marks(text: str) -> tuple[LogLevel, LogSource]:
    text, level, source = own_text(text), None, None
    end = 0
    while marked := BRACKETED.match(text, end):
        word = marked["word"].lower()
        if word not in WORDS and word not in SOURCES:
            break
        level, source = level or WORDS.get(word), source or SOURCES.get(word)
        end = marked.end()
    level = level or level_of(text[end:])
    return level or LogLevel.INFO, source or LogSource.WORKER
