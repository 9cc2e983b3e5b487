"""What is different about the lines that belong to no cue."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from api.domain.captions.fact import Fact
from api.domain.text.edit_script import coarse_changes

MOST = 3
# Beyond this part of a file its lines are not told one by one: it is in a format that nobody reads.
MANY = 0.25
_LINES = 2_000
_WORDS = 40
_NUMERALS = re.compile(r"[0-9]")
_NUMBER = re.compile(r"[0-9]{1,400}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORD = re.compile(r"[^\s<>=\"',;]{1,200}")
_LINE = 400


def masked(line: str) -> str:
    """Words from a file, fit for a fact: digits as #, no control characters, at most 40 characters."""
    return _CONTROL.sub(" ", _NUMBER.sub("#", line.strip()[:_LINE]))[:_WORDS]


def frame_facts(expected: Sequence[str], actual: Sequence[str], lines: int, *, is_cut: bool = False) -> list[Fact]:
    """At most three facts of lines that belong to no cue, out of so many lines of a file; one where they are many.

    What lacks is not told of a file that `is_cut`.
    """
    before, after = expected[:_LINES], actual[:_LINES]
    lines = min(lines, max(len(before), len(after))) if max(len(expected), len(actual)) > _LINES else lines
    changes = coarse_changes(before, after)
    touched = sum(max(change.expected_count, change.actual_count) for change in changes)
    if touched > MANY * max(1, lines) and touched > MOST:
        return [Fact("frame.many", share=round(min(1.0, touched / max(1, lines)), 4))]
    found: dict[str, int] = {}
    for change in changes:
        left = before[change.expected_start:change.expected_start + change.expected_count]
        right = after[change.actual_start:change.actual_start + change.actual_count]
        for words in _words(left, right, is_cut=is_cut):
            found[words] = found.get(words, 0) + 1
    return [Fact("frame", words, round(min(1.0, count / max(1, lines)), 4)) for words, count in list(found.items())[:MOST]]


def _words(left: Sequence[str], right: Sequence[str], *, is_cut: bool) -> Iterator[str]:
    if len(left) == len(right):
        for one, other in zip(left, right, strict=True):
            yield _changed(one, other)
        return
    if not is_cut:
        yield from (f"-{masked(line)}" for line in left)
    yield from (f"+{masked(line)}" for line in right)


def _changed(expected: str, actual: str) -> str:
    """The words of a line that changed: `numbers` where only digits and dots did."""
    one, other = (_NUMERALS.sub("", line).replace(".", "") for line in (expected, actual))
    if one == other and expected != actual:
        return "numbers"
    left, right = _WORD.findall(expected[:_LINE]), _WORD.findall(actual[:_LINE])
    if left == right:
        return "spacing"
    head = next((index for index, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    most = min(len(left), len(right)) - head
    tail = next((index for index in range(most) if left[-1 - index] != right[-1 - index]), most)
    return masked(f"{' '.join(left[head:len(left) - tail])}>{' '.join(right[head:len(right) - tail])}")
