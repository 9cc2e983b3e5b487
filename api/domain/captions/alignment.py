"""Which cue of one file is which of another, at a cost that is linear but for sorting."""
from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from api.domain.captions.cue import Cue, folded
from api.domain.text.edit_script import Change, coarse_changes

# How far ahead the partner of a cue is looked for where neither times nor texts are equal.
_AHEAD = 12
_NEAR_MS = 1_500
_ALIKE = 0.6
_OVERLAP_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Alignment:
    """Pairs of indexes, rising on both sides, and the indexes that have no partner: `lost` of expected, `extra` of actual."""

    pairs: tuple[tuple[int, int], ...]
    lost: tuple[int, ...]
    extra: tuple[int, ...]


def align(expected: Sequence[Cue], actual: Sequence[Cue]) -> Alignment:
    """Pair cues by times and texts where at least half are so found again, else by their texts; then by likeness."""
    texts = [folded(cue.text) for cue in expected], [folded(cue.text) for cue in actual]
    keys: tuple[Sequence[Hashable], Sequence[Hashable]] = _timed(expected, texts[0]), _timed(actual, texts[1])
    again = set(keys[1])
    by_time = 2 * sum(key in again for key in keys[0]) >= len(keys[0])
    pairs: list[tuple[int, int]] = []
    for gap in _paired(keys if by_time else texts, Change(0, len(expected), 0, len(actual)), pairs):
        inner = _paired(texts, gap, pairs) if by_time else [gap]
        for each in inner:
            pairs += _likely_pairs(expected, actual, texts, each)
    pairs.sort()
    here, there = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    return Alignment(
        tuple(pairs), tuple(index for index in range(len(expected)) if index not in here),
        tuple(index for index in range(len(actual)) if index not in there))


def _timed(cues: Sequence[Cue], texts: Sequence[str]) -> list[tuple[int | None, int | None, str]]:
    return [(cue.start, cue.end, text) for cue, text in zip(cues, texts, strict=True)]


def _paired(keys: tuple[Sequence[Hashable], Sequence[Hashable]], gap: Change, pairs: list[tuple[int, int]]) -> list[Change]:
    """Add the pairs of equal keys within a gap; what remains are smaller gaps."""
    here, there = gap.expected_start, gap.actual_start
    changes = coarse_changes(keys[0][here:here + gap.expected_count], keys[1][there:there + gap.actual_count])
    left, right = here, there
    gaps = []
    for change in (*changes, Change(gap.expected_count, 0, gap.actual_count, 0)):
        pairs += zip(range(left, here + change.expected_start), range(right, there + change.actual_start), strict=True)
        left, right = here + change.expected_start + change.expected_count, there + change.actual_start + change.actual_count
        gaps.append(Change(left - change.expected_count, change.expected_count, right - change.actual_count, change.actual_count))
    return [each for each in gaps if each.expected_count and each.actual_count]


def _likely_pairs(
    expected: Sequence[Cue], actual: Sequence[Cue], texts: tuple[Sequence[str], Sequence[str]], gap: Change,
) -> Iterator[tuple[int, int]]:
    """Pairs within a gap: one to one where it is as long on both sides, else each cue with the likeliest of the next few."""
    here, there = (range(start, start + count) for start, count in ((gap[0], gap[1]), (gap[2], gap[3])))
    if len(here) == len(there):
        yield from zip(here, there, strict=True)
        return
    first = there.start
    words = {index: frozenset(texts[1][index].split()) for index in there}
    for index in here:
        own = frozenset(texts[0][index].split())
        best, least = None, 0.0
        for other in range(first, min(first + _AHEAD, there.stop)):
            distance, alike = _distance(expected[index], actual[other]), _overlap(own, words[other])
            within = texts[0][index] and texts[0][index] in texts[1][other] or texts[1][other] and texts[1][other] in texts[0][index]
            # A text that is part of the other's is as like it as can be.
            alike = 1.0 if within else alike
            cost = (distance if distance is not None else 0) / 1000 - _OVERLAP_WEIGHT * alike
            fits = alike > _ALIKE or distance is not None and distance <= _NEAR_MS
            if fits and (best is None or cost < least):
                best, least = other, cost
        if best is not None:
            yield index, best
            first = best + 1


def _distance(expected: Cue, actual: Cue) -> int | None:
    return None if expected.start is None or actual.start is None else abs(expected.start - actual.start)


def _overlap(expected: frozenset[str], actual: frozenset[str]) -> float:
    """The part of the words that both have, out of the longer one's."""
    most = max(len(expected), len(actual))
    return len(expected & actual) / most if most else 0.0
