"""Pairs of files as regressions of an extractor make them, and as bad luck does; another pair for each number."""
from __future__ import annotations

import random
from collections.abc import Collection

Pair = tuple[bytes, bytes]

CAPTIONS = 13_400  # in about 1 MiB


def _time(at: int) -> str:
    return f"{at // 3_600_000:02d}:{at // 60_000 % 60:02d}:{at // 1000 % 60:02d},{at % 1000:03d}"


def captions(count: int, *, shift: int = 0, changed: Collection[int] = ()) -> bytes:
    """An SRT file; all times moved by `shift` milliseconds, those captions changed."""
    lines = []
    for number in range(count):
        start = number * 2500 + shift
        text = f"{'CHANGED ' if number in changed else ''}line {number * 7919 % 5000}: the quick brown fox"
        lines += [str(number + 1), f"{_time(start)} --> {_time(start + 2200)}", text]
        if number % 3 == 0:
            lines.append("- and a second row of text, café")
        lines.append("")
    return "\n".join(lines).encode()


def scattered(number: int) -> Pair:
    """Every hundredth caption has another text."""
    return captions(CAPTIONS), captions(CAPTIONS, changed=range(number, CAPTIONS, 100))


def one_line(number: int) -> Pair:
    """One caption in the middle has another text."""
    return captions(CAPTIONS), captions(CAPTIONS, changed=[CAPTIONS // 2 + number])


def shifted(number: int) -> Pair:
    """All captions come a little later."""
    return captions(CAPTIONS), captions(CAPTIONS, shift=40 + number)


def nothing_in_common(number: int, size: int) -> Pair:
    """No line occurs twice, be it on one side or on both."""
    expected, actual = (_lines_of(random.Random(2 * number + side), size) for side in (0, 1))
    return expected, actual


def _lines_of(chance: random.Random, size: int) -> bytes:
    return b"".join(b"%020x\n" % chance.getrandbits(80) for _ in range(size // 21))


def shuffled(number: int, size: int) -> Pair:
    """Both sides are made of the same 4,000 lines, in no order: the worst that there is for git's algorithm."""
    words = [b"%010x\n" % random.Random(word).getrandbits(40) for word in range(4000)]
    expected, actual = (b"".join(random.Random(2 * number + side).choices(words, k=size // 11)) for side in (0, 1))
    return expected, actual
