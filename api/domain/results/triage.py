"""Triage: what is found out about a failing test, where its output first differs, and how room is shared among failures."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from api.domain.results.compare import Bucket
from api.domain.results.failure import Failure
from api.domain.results.origin import FailingSince, Origin
from api.domain.results.result import JudgedTest
from api.domain.text.common_beginning import common_length
from api.domain.text.decoding import Side, decode_pair

IN_BASE = {
    Bucket.FAILING_SAME: "failing_same", Bucket.FAILING_DIFFERENTLY: "failing_differently", Bucket.BROKEN: "passing",
    Bucket.REBASELINED: "passing",
    Bucket.NOT_COMPARABLE: "unknown"}
WIDTH = 500
REACH = 4 * (WIDTH + 2)


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where two files first differ: the line and the column in it, in characters, both counted from 1.

    `before` is what the lines share up to there, at most its last `WIDTH` characters; `expected` and `actual` are how each goes
    on, at most `WIDTH` characters and one more: empty where a line ends there, None where a file has no such line. A newline
    is in them only where the other file ends without it. `bom` is the file that alone begins with a byte order mark, which is in
    no line; only where that is all the difference there is, it is in the texts.
    """

    line: int
    column: int
    before: str
    expected: str | None
    actual: str | None
    bom: Side | None = None

    @property
    def no_newline(self) -> str | None:
        """Which file lacks the newline at its end that the other has, where that is where they first differ."""
        if self.expected == "\n":
            return "actual"
        return "expected" if self.actual == "\n" else None

    def shown(self, width: int) -> tuple[str | None, str | None]:
        """Both lines around the column, so many characters (at least 1) of each; an ellipsis stands for what is left out.

        The two are never equal, since the character that differs is in them.
        """
        longest = max(len(self.expected or ""), len(self.actual or ""))
        lead = min(len(self.before), max(width - longest, width // 2))
        return self._around(self.expected, lead, width), self._around(self.actual, lead, width)

    def _around(self, rest: str | None, lead: int, width: int) -> str | None:
        if rest is None:
            return None
        begin = "…" if lead < self.column - 1 else ""
        text = self.before[len(self.before) - lead:] + rest
        return begin + (text if len(text) <= width else text[:width] + "…")


class NoDifference(StrEnum):
    """Why nothing is known of where an output first differs."""

    TIME_LIMIT = "time_limit"
    STORE_UNAVAILABLE = "store_unavailable"
    FILE_MISSING = "file_missing"
    NONE_FOUND = "none_found"


@dataclass(frozen=True, slots=True)
class FailingTest:
    """A failing test with all that triage found out about it.

    `base_run_id` is the run that it is compared with, where that is not the base; `untested` are the commits between.
    """

    judged: JudgedTest
    failures: tuple[Failure, ...]
    since: FailingSince
    in_base: str
    origin: Origin = Origin.UNKNOWN
    base_run_id: int | None = None
    untested: tuple[str, ...] = ()
    output_id: int | None = None
    difference: FirstDifference | NoDifference | None = None

    @property
    def cause(self) -> tuple[str, str, str]:
        """What tests that fail for one cause have in common, as far as is known without looking at their outputs."""
        primary = self.failures[0]
        output = None if primary.output_id is None else self.judged.test.output(primary.output_id)
        return primary.code.value, self.judged.test.category, "" if output is None else output.extension


def in_order_of_causes(tests: Sequence[FailingTest], causes: Sequence[Sequence[int]]) -> list[FailingTest]:
    """One test of each cause, in the order of these, then the second of each, and so on; each test once, those of no cause last.

    The causes are the regression ids of the tests that fail for them.
    """
    left = {test.judged.test.regression_id: test for test in tests}
    rounds = zip_longest(*causes)
    order = [each for some in rounds for each in some if each is not None]
    return [left.pop(each) for each in dict.fromkeys(order) if each in left] + list(left.values())


def in_fair_order(tests: Sequence[FailingTest]) -> list[FailingTest]:
    """One test of each cause, then the second of each, and so on; in each round by origin, then the causes of most tests first."""
    causes: dict[tuple[Origin, tuple[str, str, str]], list[FailingTest]] = {}
    for test in tests:
        causes.setdefault((test.origin, test.cause), []).append(test)
    order = list(Origin)
    groups = sorted(causes.items(), key=lambda each: (order.index(each[0][0]), -len(each[1])))
    rounds = zip_longest(*(members for _, members in groups))
    return [test for each in rounds for test in each if test is not None]


def first_difference(expected: bytes, actual: bytes, *, lines_before: int = 0, bom: Side | None = None) -> FirstDifference:
    """Where two texts first differ that begin with a line, and end with their files or `REACH` bytes behind the difference.

    Lines that are not both UTF-8 are read as cp1252; UTF-16 is to be made UTF-8 before.
    """
    shared = common_length(expected, actual)
    start = expected.rfind(b"\n", 0, shared) + 1
    line = lines_before + expected.count(b"\n", 0, start) + 1
    _, left, right = decode_pair(_line(expected, start, shared, actual), _line(actual, start, shared, expected))
    column = common_length(left, right)
    return FirstDifference(
        line, column + 1, left[max(0, column - WIDTH):column],
        left[column:column + WIDTH + 1] if start < len(expected) else None,
        right[column:column + WIDTH + 1] if start < len(actual) else None, bom)


def _line(text: bytes, start: int, shared: int, other: bytes) -> bytes:
    """A line up to its end, or `REACH` bytes behind the difference; with its newline where the other file lacks just that."""
    end = text.find(b"\n", shared)
    if end == shared and start < len(other) == shared:
        return text[start:end + 1]
    end = len(text) if end < 0 else end
    if end <= shared + REACH:
        return text[start:end]
    end = shared + REACH
    # A character of UTF-8 has up to three bytes behind its first.
    while end > shared + REACH - 3 and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[start:end]


def share(budget: int, wants: Sequence[int]) -> list[int]:
    """Divide a budget fairly: nobody gets more than they want, and what one does not want goes to those who get less than they do."""
    given = [0] * len(wants)
    left = max(0, budget)
    open_wants = sorted(range(len(wants)), key=lambda index: wants[index])
    while open_wants:
        each = left // len(open_wants)
        index = open_wants.pop(0)
        given[index] = min(wants[index], each)
        left -= given[index]
    return given
