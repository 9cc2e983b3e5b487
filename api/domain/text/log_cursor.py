"""Cursors of logs: a byte position in one log, signed so that a client cannot make one up."""
from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from api.domain.auth.signing import SigningKey
from api.domain.errors import Invalid
from api.domain.text.log import LineFacts, LogSource
from api.domain.text.log_level import LogLevel

LAYOUT = struct.Struct(">BQBqBB8s")
# Only cursors of a part of a log have this as well.
PART = struct.Struct(">QQ")
VERSION = 1
PURPOSE = "log cursor"
FINGERPRINT_BYTES = 256
NO_TIME = -(2**62)
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
LEVELS, SOURCES = tuple(LogLevel), tuple(LogSource)


@dataclass(frozen=True, slots=True)
class LogPart:
    """A part of a log: the offset where it begins, and a line's start up to which it is known not to end, or where it ends."""

    begin: int
    reaches: int


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A byte offset at the start of a line, or `within` one; what the line before, or the line so far, told of itself.

    `part` is what of the log is read, where that is not all of it; `legacy` says that the line so far was not UTF-8.
    """

    offset: int = 0
    within: bool = False
    facts: LineFacts = field(default_factory=LineFacts)
    part: LogPart | None = None
    legacy: bool = False


def fingerprint(beginning: bytes, offset: int) -> bytes:
    """What a log is known by again: a hash of its first bytes, of no more than lie before the offset.

    A log that grows keeps it, wherever it is stored; another log has another.
    """
    return hashlib.sha256(beginning[:min(FINGERPRINT_BYTES, offset)]).digest()[:8]


def make_cursor(place: LogPlace, subject: str, known_by: bytes, key: SigningKey) -> str:
    """The cursor of a place in the log of a subject, such as `run 7`."""
    at = NO_TIME if place.facts.at is None else (place.facts.at - EPOCH) // MICROSECOND
    level, source = LEVELS.index(place.facts.level), SOURCES.index(place.facts.source)
    packed = LAYOUT.pack(VERSION, place.offset, place.within | place.legacy << 1, at, level, source, known_by)
    if place.part is not None:
        packed += PART.pack(place.part.begin, place.part.reaches)
    return key.sign(f"{PURPOSE} {subject}", packed)


def read_cursor(cursor: str, subject: str, key: SigningKey, *, named: str = "cursor") -> tuple[LogPlace, bytes]:
    """The place, and what the log was known by. Raises Invalid for what was not made for this subject, as a field `named` so."""
    packed = key.read(f"{PURPOSE} {subject}", cursor)
    if packed is None or len(packed) not in (LAYOUT.size, LAYOUT.size + PART.size):
        raise stale_cursor(named)
    _, offset, flags, at, level, source, known_by = LAYOUT.unpack_from(packed)
    part = LogPart(*PART.unpack_from(packed, LAYOUT.size)) if len(packed) > LAYOUT.size else None
    told = None if at == NO_TIME else EPOCH + at * MICROSECOND
    facts = LineFacts(told, LEVELS[level], SOURCES[source])
    return LogPlace(offset, bool(flags & 1), facts, part, legacy=bool(flags & 2)), known_by


def stale_cursor(named: str = "cursor") -> Invalid:
    """The refusal of a cursor that was forged, is another log's, or whose log was replaced."""
    return Invalid({named: "Not a cursor of this log as it is now; start again without one."})
