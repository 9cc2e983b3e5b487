"""Texts that make a regular expression work hard, built from the expression itself, and a judge of how its work grows."""
from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from re import _constants as ops  # type: ignore[attr-defined]  # What a pattern is made of is told by Python's own parser alone.
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from tests.examples import examples

# A pattern that is linear stays below the first on texts of the second length, but on a machine that is very busy; then growth decides.
NOTICED = 0.05
LONGEST = examples(16_384, part=2)
# From one length to the fourfold, a linear pattern takes four times as long, a quadratic one sixteen times.
SUSPICIOUS_GROWTH = 8
MAX_TEXTS = 300
_SPECIMENS = "aA0_ \n.:/-\"\\,;<[(TZé~"
_TAILS = ("", "\0", "\n", "!")
_LENGTHS = tuple(length for length in (*range(8, 64, 4), *(64 << power for power in range(9))) if length <= LONGEST)

Scan = Callable[[Any], object]
Text = tuple[str, str, str]


def texts(pattern: str | bytes, flags: int) -> list[Text]:
    """What is put before, what is repeated, and what is put behind it."""
    tree = parser.parse(pattern, flags & ~re.DEBUG)
    found: dict[Text, None] = {}
    starts = list(dict.fromkeys(_starts(tree, "")))
    letters = list(dict.fromkeys(_letters(tree)))[:10]
    whole = _sample(tree, 0)
    pumps = [pump for _, pump in starts] + [prefix + pump for prefix, pump in starts] + letters
    pumps += [whole, whole[:-1], *map("".join, product(letters[:5], repeat=2))]
    prefixes = dict.fromkeys(["", *(prefix for prefix, _ in starts)])
    for prefix, pump in starts:
        for tail in _TAILS:
            found[prefix, pump, tail] = None
    for pump, prefix, tail in product(dict.fromkeys(pumps), prefixes, _TAILS[:2]):
        found[prefix, pump, tail] = None
    return [text for text in islice(found, MAX_TEXTS) if text[1]]


def worst_growth(pattern: str | bytes, flags: int, scan: Scan) -> str | None:
    """The first text on which the work grows faster than the text, described; None where there is none."""
    for prefix, pump, tail in texts(pattern, flags):
        length = _too_slow_at(lambda length, text=(prefix, pump, tail): _written(pattern, *text, length), scan)
        if length is not None:
            return f"{prefix!r} + {pump!r} * n + {tail!r} is slow at {length} characters"
    return None


def _too_slow_at(write: Callable[[int], Any], scan: Scan) -> int | None:
    for length in _LENGTHS:
        text = write(length)
        if _seconds(scan, text) > NOTICED and _grows(write, scan, length):
            return length
    return None


def _grows(write: Callable[[int], Any], scan: Scan, length: int) -> bool:
    shorter, longer = write(max(length // 4, 4)), write(length)
    fastest = [min(_seconds(scan, text) for _ in range(3)) for text in (shorter, longer)]
    return fastest[1] > NOTICED and fastest[1] > SUSPICIOUS_GROWTH * fastest[0]


def _seconds(scan: Scan, text: Any) -> float:
    begun = time.process_time()
    scan(text)
    return time.process_time() - begun


def _written(pattern: str | bytes, prefix: str, pump: str, tail: str, length: int) -> str | bytes:
    text = prefix + pump * (length // len(pump) + 1) + tail
    return text.encode("latin-1", "replace") if isinstance(pattern, bytes) else text


def _starts(tree: Iterable[Any], before: str) -> Iterator[tuple[str, str]]:
    """For each repetition of a pattern, a text that leads up to it, and some that it repeats."""
    prefix = before
    for op, argument in tree:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT) and argument[1] > 1:
            for choice in range(3):
                yield prefix, _sample(argument[2], choice)
        for inner in _within(op, argument):
            yield from _starts(inner, prefix)
        prefix += _sample([(op, argument)], 0)


def _within(op: Any, argument: Any) -> list[Any]:
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return [argument[2]]
    if op is ops.SUBPATTERN:
        return [argument[3]]
    if op is ops.BRANCH:
        return list(argument[1])
    if op in (ops.ASSERT, ops.ASSERT_NOT):
        return [argument[1]]
    return [argument] if op is ops.ATOMIC_GROUP else []


def _letters(tree: Iterable[Any]) -> Iterator[str]:
    """A character or two for each place of a pattern."""
    for op, argument in tree:
        for choice in range(2):
            letter = _sample([(op, argument)], choice)
            if len(letter) == 1:
                yield letter
        for inner in _within(op, argument):
            yield from _letters(inner)


def _sample(tree: Iterable[Any], choice: int) -> str:
    """A text that the pattern matches, or nearly so."""
    return "".join(_sample_of(op, argument, choice) for op, argument in tree)


def _sample_of(op: Any, argument: Any, choice: int) -> str:
    if op is ops.LITERAL:
        return chr(argument)
    if op in (ops.NOT_LITERAL, ops.ANY, ops.IN):
        fitting = [letter for letter in _SPECIMENS + _members(op, argument) if _fits(op, argument, letter)]
        return fitting[choice % len(fitting)] if fitting else ""
    if op is ops.BRANCH:
        return _sample(argument[1][choice % len(argument[1])], choice)
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return _sample(argument[2], choice) * max(argument[0], min(argument[1], 1))
    return "".join(_sample(inner, choice) for inner in _within(op, argument)) if op in (ops.SUBPATTERN, ops.ATOMIC_GROUP) else ""


def _members(op: Any, argument: Any) -> str:
    if op is not ops.IN:
        return ""
    literals = [chr(value) for kind, value in argument if kind is ops.LITERAL]
    return "".join(literals + [chr(value[0]) for kind, value in argument if kind is ops.RANGE])


def _fits(op: Any, argument: Any, letter: str) -> bool:
    if op is ops.ANY:
        return letter != "\n"
    if op is ops.NOT_LITERAL:
        return ord(letter) != argument
    negated = argument[0][0] is ops.NEGATE
    return any(_is_of(kind, value, letter) for kind, value in argument) is not negated


_CATEGORIES = {
    ops.CATEGORY_DIGIT: str.isdigit, ops.CATEGORY_SPACE: str.isspace, ops.CATEGORY_WORD: lambda letter: letter.isalnum() or letter == "_",
    ops.CATEGORY_NOT_DIGIT: lambda letter: not letter.isdigit(), ops.CATEGORY_NOT_SPACE: lambda letter: not letter.isspace(),
    ops.CATEGORY_NOT_WORD: lambda letter: not (letter.isalnum() or letter == "_")}


def _is_of(kind: Any, value: Any, letter: str) -> bool:
    if kind is ops.LITERAL:
        return ord(letter) == value
    if kind is ops.RANGE:
        return bool(value[0] <= ord(letter) <= value[1])
    return bool(kind is ops.CATEGORY and _CATEGORIES[value](letter))
