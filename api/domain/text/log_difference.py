"""Which lines of a failing test's log the logs of passing tests do not have, whatever numbers, times, hashes and paths stand in them."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

# So many passing logs are compared with.
PASSING_LOGS = 3
# So many lines around each line that is new are shown, too.
AROUND = 3
# So much of a line is compared, and so many different lines are kept in mind.
OUTLINE_BYTES = 200
DIFFERENT_LINES = 150_000

# What numbers, times and hashes are written with. Words lose letters, too, and are still told from each other by the others. Without
# NULs a log in UTF-16 is compared like any other.
_DROPPED = b"0123456789abcdefABCDEF.,:;+-_%#~\0\r"
_MONTHS_AND_DAYS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun"
_DATE_WORDS = b"|".join(sorted(set(_MONTHS_AND_DAYS.translate(None, _DROPPED).split())))
# Of what is left: colours, paths from a root on, and the words of dates.
_VARYING = re.compile(rb"\x1b\[?[?]{0,9}[A-Za-z]|(?<![\w/\\])[/\\][^\s\"'<>|()\[\]{}=]*|\b(?:" + _DATE_WORDS + rb")\b")


class LogView(StrEnum):
    """What of a test's log is shown: its lines, or those that no passing log has."""

    LINES = "lines"
    FAILURE_ONLY = "failure_only"


class ComparedBy(StrEnum):
    """Whose passing logs a failing test's log is compared with: its own of earlier runs, those of tests of its category, or nobody's."""

    REGRESSION_TEST = "regression_test"
    CATEGORY = "category"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines that are shown together, by their numbers from 0 on; `end` is the number of the line behind them."""

    begin: int
    end: int


def outlines(content: bytes) -> list[bytes]:
    """What is left of each line without numbers and hashes; a log has far fewer of these than lines."""
    return [line[:OUTLINE_BYTES] for line in content.translate(None, _DROPPED).split(b"\n")]


def masked(outline: bytes) -> bytes:
    """What a line has in common with lines of other runs that say the same."""
    return b" ".join(_VARYING.sub(b" ", outline).split())


class SeenLines:
    """The lines of passing logs, which those of a failing one are looked for in."""

    def __init__(self) -> None:
        self._outlines: set[bytes] = set()
        self._masks: set[bytes] = set()
        self._looked_up: dict[bytes, bool] = {}
        self.is_complete = True

    def add(self, found: Iterable[bytes]) -> None:
        """Add the outlines of lines. Where the logs have too many different ones, `is_complete` is false from then on."""
        for outline in set(found) - self._outlines:
            if len(self._outlines) >= DIFFERENT_LINES:
                self.is_complete = False
                return
            self._outlines.add(outline)
            self._masks.add(masked(outline))

    def has(self, outline: bytes) -> bool:
        """Whether any of them says the same as a line with this outline. Of too many different lines the last are told to be new."""
        if outline in self._outlines:
            return True
        if outline not in self._looked_up:
            if len(self._looked_up) >= DIFFERENT_LINES:
                self.is_complete = False
                return False
            self._looked_up[outline] = masked(outline) in self._masks
        return self._looked_up[outline]


def stretches(new: Sequence[int], total: int, limit: int) -> tuple[tuple[Stretch, ...], int]:
    """The new lines of a log with those around them, at most `limit` together, and how many new ones are left out.

    `new` are their numbers from 0 on, ascending; the log has `total` lines. Of too many the first and the last ones are shown: how
    it began, and how it ended.
    """
    around = {
        each for number in (*new[:limit], *new[-limit:]) for each in range(max(0, number - AROUND), min(total, number + AROUND + 1))}
    shown = sorted(around)
    if len(shown) > limit:
        shown = [*shown[:limit - limit // 2], *shown[len(shown) - limit // 2:]]
    return tuple(_joined(shown)), len(set(new).difference(shown))


def _joined(numbers: Sequence[int]) -> Iterator[Stretch]:
    breaks = [place for place, (one, other) in enumerate(pairwise(numbers), 1) if other != one + 1]
    for begin, end in pairwise([0, *breaks, len(numbers)]):
        if begin < end:
            yield Stretch(numbers[begin], numbers[end - 1] + 1)
