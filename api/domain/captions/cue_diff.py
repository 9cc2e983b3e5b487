"""The difference of two outputs cue by cue, for people: facts, how far times moved, and the cues that changed."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from api.domain.captions.cue import Cue
from api.domain.captions.cue_facts import Paired
from api.domain.captions.fact import Fact
from api.domain.captions.facts import Clock, facts, paired_captions
from api.domain.results.failure_code import FailureCode

OFFSET_LIMIT = 20
CHANGE_LIMIT = 100
PLACE_LIMIT = 2_000
_UNREAD = frozenset({"binary.other", "frame.many", "other"})


class Column(StrEnum):
    """The two times of a cue."""

    START = "start"
    END = "end"


class Became(StrEnum):
    """What became of a cue."""

    CHANGED = "changed"
    LOST = "lost"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Offset:
    """By how many milliseconds a time of so many cues moved; positive where it is later now."""

    column: Column
    ms: int
    cues: int


@dataclass(frozen=True, slots=True)
class CueChange:
    """A cue that is not as it should be; `index` counts the baseline's cues from 0, an extra one's those of the output."""

    op: Became
    index: int
    expected: Cue | None
    actual: Cue | None


@dataclass(frozen=True, slots=True)
class CuePlace:
    """A cue as it should be and as it is; None for one that is not there. `op` is None where at most its times changed, as most did."""

    op: Became | None
    expected: Cue | None
    actual: Cue | None

    @property
    def is_same(self) -> bool:
        """Whether the cue is where it should be, as it should be."""
        return self.op is None and _times(self.expected) == _times(self.actual)


@dataclass(frozen=True, slots=True)
class CueDiff:
    """At most 20 offsets, the most frequent first, and 100 changes in their order; how many of each were left out.

    `places` are those of 2000 cues, of which those that differ come first.
    """

    facts: tuple[Fact, ...]
    offsets: tuple[Offset, ...] = ()
    changes: tuple[CueChange, ...] = ()
    places: tuple[CuePlace, ...] = ()
    omitted_offsets: int = 0
    omitted_changes: int = 0

    @property
    def is_late(self) -> bool:
        """Whether there was no time for all of it."""
        return any(fact.kind == "capped" and fact.parameter == "time" for fact in self.facts)

    @property
    def is_read(self) -> bool:
        """Whether the files are in formats that are read, so that there is more to say than that they differ."""
        return not any(fact.kind in _UNREAD for fact in self.facts)


def cue_diff(expected: bytes, actual: bytes, code: FailureCode | None, *, clock: Clock) -> CueDiff:
    """The difference of two outputs. A cue whose times alone moved, and as those of most did, is not listed. Never raises."""
    found = facts(expected, actual, code, clock=clock)
    facts_alone = CueDiff(found)
    both = None if facts_alone.is_late else paired_captions(expected, actual)
    if both is None:
        return facts_alone
    moved = {column: _moves(both, column) for column in Column}
    offsets = sorted(
        (Offset(column, ms, cues) for column, counts in moved.items() for ms, cues in counts.items()),
        key=lambda offset: (-offset.cues, offset.column, offset.ms))
    usual = {column: max(counts, key=lambda ms: counts[ms]) for column, counts in moved.items() if counts}
    changes = list(_changes(both, usual))
    return CueDiff(
        found, tuple(offsets[:OFFSET_LIMIT]), tuple(changes[:CHANGE_LIMIT]),
        tuple(sorted(_places(both, changes), key=attrgetter("is_same"))[:PLACE_LIMIT]),
        max(0, len(offsets) - OFFSET_LIMIT),
        max(0, len(changes) - CHANGE_LIMIT))


def _places(both: Paired, changes: Sequence[CueChange]) -> Iterator[CuePlace]:
    """The places of all cues, the paired ones in the baseline's order and then those that one file alone has."""
    changed = {each.index for each in changes if each.op is Became.CHANGED}
    for one, other in both.alignment.pairs:
        yield CuePlace(Became.CHANGED if one in changed else None, both.expected.cues[one], both.actual.cues[other])
    for change in changes:
        if change.op is not Became.CHANGED:
            yield CuePlace(change.op, change.expected, change.actual)


def _times(cue: Cue | None) -> tuple[int | None, int | None] | None:
    return None if cue is None else (cue.start, cue.end)


def _move(one: Cue, other: Cue, column: Column) -> int | None:
    before, after = (one.start, other.start) if column is Column.START else (one.end, other.end)
    return None if before is None or after is None else after - before


def _moves(both: Paired, column: Column) -> Counter[int]:
    """How many cues moved by how many milliseconds; those that stand where they stood are among them."""
    moves = (_move(one, other, column) for one, other in both.pairs)
    return Counter(move for move in moves if move is not None)


def _changes(both: Paired, usual: Mapping[Column, int]) -> Iterator[CueChange]:
    """What became of each cue, in the order of the baseline, with the extra cues where they stand in the output."""
    extra = iter(both.alignment.extra)
    partners, lost = dict(both.alignment.pairs), frozenset(both.alignment.lost)
    following = next(extra, None)
    for index, one in enumerate(both.expected.cues):
        other = partners.get(index)
        while following is not None and other is not None and following < other:
            yield CueChange(Became.EXTRA, following, None, both.actual.cues[following])
            following = next(extra, None)
        if other is None:
            if index in lost:
                yield CueChange(Became.LOST, index, one, None)
        elif _is_changed(one, both.actual.cues[other], usual):
            yield CueChange(Became.CHANGED, index, one, both.actual.cues[other])
    for index in (*(() if following is None else (following,)), *extra):
        yield CueChange(Became.EXTRA, index, None, both.actual.cues[index])


def _is_changed(one: Cue, other: Cue, usual: Mapping[Column, int]) -> bool:
    """Whether more changed than times by as much as those of most cues did."""
    if (one.lines, one.markup, one.settings) != (other.lines, other.markup, other.settings):
        return True
    if (one.start is None, one.end is None) != (other.start is None, other.end is None):
        return True
    return any((move := _move(one, other, column)) is not None and move != usual[column] for column in Column)
