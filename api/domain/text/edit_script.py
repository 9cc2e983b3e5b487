"""Edit scripts of lines, and coarse ones, which are found in bounded time."""
from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

# Beyond this many lines only the equal beginning and end are looked for: the coarse way must be ready in a part of a second.
ANCHORED_LINES = 300_000


class Change(NamedTuple):
    """Lines that were replaced: where they stand (from 0) and how many there are, on either side; one count may be 0."""

    expected_start: int
    expected_count: int
    actual_start: int
    actual_count: int


class Match(NamedTuple):
    """Lines that are equal on both sides."""

    expected_start: int
    actual_start: int
    length: int


def explains(changes: Iterable[Change], expected: Sequence[str], actual: Sequence[str]) -> bool:
    """Whether these changes, and nothing else, turn one sequence of lines into the other."""
    here = there = 0
    for change in (*changes, Change(len(expected), 0, len(actual), 0)):
        if expected[here:change.expected_start] != actual[there:change.actual_start]:
            return False
        here, there = change.expected_start + change.expected_count, change.actual_start + change.actual_count
    return True


def coarse_changes(expected: Sequence[Hashable], actual: Sequence[Hashable]) -> list[Change]:
    """Changes that also turn one sequence of lines, or of anything, into the other, but may replace more than is needed.

    Lines that occur once on either side hold the two together; what stands between them is replaced where it differs.
    """
    head = _equal_head(expected, actual)
    tail = _equal_tail(expected, actual, head)
    middle = expected[head:len(expected) - tail], actual[head:len(actual) - tail]
    inner = _grown(*middle, _anchors(*middle)) if len(middle[0]) + len(middle[1]) <= ANCHORED_LINES else []
    return _between([
        Match(0, 0, head), *(Match(head + here, head + there, length) for here, there, length in inner),
        Match(len(expected) - tail, len(actual) - tail, tail)])


def _equal_head(expected: Sequence[Hashable], actual: Sequence[Hashable]) -> int:
    shorter = min(len(expected), len(actual))
    return next((index for index in range(shorter) if expected[index] != actual[index]), shorter)


def _equal_tail(expected: Sequence[Hashable], actual: Sequence[Hashable], head: int) -> int:
    most = min(len(expected), len(actual)) - head
    return next((index for index in range(most) if expected[-1 - index] != actual[-1 - index]), most)


def _anchors(expected: Sequence[Hashable], actual: Sequence[Hashable]) -> list[tuple[int, int]]:
    """The longest rising sequence of lines that occur exactly once on each side, by their indexes."""
    here, there = Counter(expected), Counter(actual)
    places = {line: index for index, line in enumerate(actual) if there[line] == 1}
    common = [(index, places[line]) for index, line in enumerate(expected) if here[line] == 1 and line in places]
    return _longest_rise(common)


def _longest_rise(common: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of these pairs, which rise on their first side, that rises on the second too."""
    ends: list[int] = []
    chosen: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(common):
        at = bisect_left(ends, place)
        ends[at:at + 1] = [place]
        chosen[at:at + 1] = [number]
        before.append(chosen[at - 1] if at else -1)
    rising = []
    number = chosen[-1] if chosen else -1
    while number >= 0:
        rising.append(common[number])
        number = before[number]
    return rising[::-1]


def _grown(expected: Sequence[Hashable], actual: Sequence[Hashable], anchors: Iterable[tuple[int, int]]) -> list[Match]:
    """The anchors with the equal lines around them, in order and without overlap."""
    matches: list[Match] = []
    here_from = there_from = 0
    for here, there in anchors:
        if here < here_from:
            continue
        start = 0
        while here - start > here_from and there - start > there_from and expected[here - start - 1] == actual[there - start - 1]:
            start += 1
        end = 1
        while here + end < len(expected) and there + end < len(actual) and expected[here + end] == actual[there + end]:
            end += 1
        matches.append(Match(here - start, there - start, start + end))
        here_from, there_from = here + end, there + end
    return matches


def _between(matches: Iterable[Match]) -> list[Change]:
    changes: list[Change] = []
    here = there = 0
    for match in matches:
        if match.expected_start > here or match.actual_start > there:
            changes.append(Change(here, match.expected_start - here, there, match.actual_start - there))
        here, there = match.expected_start + match.length, match.actual_start + match.length
    return changes
