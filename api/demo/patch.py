"""Applies a unified diff to one text, and raises where a line does not match."""
from __future__ import annotations

import re
from collections.abc import Iterator

_BEFORE_A_HUNK = re.compile(r"(?m)^(?=@@ )")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


class PatchMismatch(Exception):
    """The text is not the one that the diff was made from."""


def patched(text: str, diff: str) -> str:
    """Return `text` with `diff` applied; raise PatchMismatch where it does not fit to the line."""
    lines, result, done = text.splitlines(keepends=True), [], 0
    for first, hunk in _hunks(diff):
        result += lines[done:first]
        done = first
        for mark, line in hunk:
            if mark in " -":
                if done >= len(lines) or lines[done] != line:
                    raise PatchMismatch(f"line {done + 1} is not what the diff expects")
                done += 1
            if mark in " +":
                result.append(line)
    return "".join([*result, *lines[done:]])


def _hunks(diff: str) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield each hunk: how many lines of the text come before it, and its lines with their marks."""
    for part in _BEFORE_A_HUNK.split(diff)[1:]:
        head, *body = part.splitlines(keepends=True)
        found = _HUNK.match(head)
        if found is None:
            raise PatchMismatch("a hunk has no range")
        yield int(found[1]) - 1, [(line[0], line[1:]) for line in body]
