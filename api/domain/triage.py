"""Triage: since when a test fails, where its output first differs, and how a budget of bytes is shared among failures."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.domain.result import Verdict


@dataclass(frozen=True, slots=True)
class PastRun:
    """A finished run that came before, with its commit as stored."""

    run_id: int
    commit: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FailingSince:
    """The first run of an unbroken row of failures up to now; `at_least` where the row may have begun before what was looked at."""

    run: PastRun
    at_least: bool


def failing_since(past: Sequence[PastRun], verdicts: Mapping[int, Verdict], now: PastRun) -> FailingSince:
    """Since which run a test fails that fails in the run `now`.

    `past` are the finished runs before it, newest first, `verdicts` the test's verdicts by run id; runs that do not have one
    that tells (skipped, not in the set) neither break the row nor begin it.
    """
    first = now
    for run in past:
        verdict = verdicts.get(run.run_id)
        if verdict is Verdict.PASS:
            return FailingSince(first, at_least=False)
        if verdict is not None and verdict.is_failure:
            first = run
    return FailingSince(first, at_least=True)


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where two files first differ: the line, counted from 1, and its text in each; None where a file has ended by then."""

    line: int
    expected: str | None
    actual: str | None


def common_length(expected: bytes, actual: bytes) -> int:
    """How many bytes two texts share from their start on."""
    length = min(len(expected), len(actual))
    if expected[:length] == actual[:length]:
        return length
    low, high = 0, length
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if expected[low:middle] == actual[low:middle] else (low, middle)
    return low


def first_difference(expected: bytes, actual: bytes, *, lines_before: int = 0, width: int = 500) -> FirstDifference:
    """The first line in which two texts differ, given from the start of a line on; texts that are not UTF-8 are read as cp1252."""
    shared = common_length(expected, actual)
    start = expected.rfind(b"\n", 0, shared) + 1
    line = lines_before + expected.count(b"\n", 0, start) + 1
    return FirstDifference(line, _line_at(expected, start, width), _line_at(actual, start, width))


def _line_at(text: bytes, start: int, width: int) -> str | None:
    if start >= len(text):
        return None
    raw = text[start:start + 4 * width]
    raw = raw[:raw.find(b"\n")] if b"\n" in raw else raw
    try:
        return raw.decode()[:width]
    except UnicodeDecodeError as wrong:
        if wrong.reason == "unexpected end of data":
            return raw[:wrong.start].decode()[:width]
        return raw.decode("cp1252", "replace")[:width]


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
