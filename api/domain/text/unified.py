"""Unified diffs, as `git apply` and `patch` read them."""
from __future__ import annotations

import re

from api.domain.text.diff import ADDED, CONTEXT, REMOVED, Difference, Region, lines_of

UNIFIED_LIMIT = 1_048_576
SIGNS = {CONTEXT: " ", REMOVED: "-", ADDED: "+"}
NEWLINE = "\n"
NO_NEWLINE = "\n\\ No newline at end of file\n"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def unified(found: Difference, name: str) -> tuple[str, bool]:
    """The difference as a patch of a file of that name, and whether it was cut: empty where there is none.

    As many whole hunks as there is room for; where the first one is too long already, its first lines.
    """
    safe = UNSAFE.sub("_", name)
    text = f"diff --git a/{safe} b/{safe}\n--- a/{safe}\n+++ b/{safe}\n" if found.regions else ""
    for number, region in enumerate(found.regions):
        hunk = _hunk(found, region, UNIFIED_LIMIT - len(text))
        if len(text) + len(hunk) > UNIFIED_LIMIT:
            return text if number else _cut(text + hunk), True
        text += hunk
    return text, False


def _hunk(found: Difference, region: Region, room: int) -> str:
    """The text of a hunk; where there is no room for it, no more of it than shows that."""
    parts = [_head(region, found.before)]
    room -= len(parts[0])
    for line in lines_of(found, region):
        part = f"{SIGNS[line['kind']]}{line['text']}{NO_NEWLINE if 'no_newline' in line else NEWLINE}"
        parts.append(part)
        room -= len(part)
        if room < 0:
            break
    return "".join(parts)


def _head(region: Region, before: int) -> str:
    expected = _range(region.expected_start + before, region.expected_end + before)
    return f"@@ -{expected} +{_range(region.actual_start + before, region.actual_end + before)} @@\n"


def _range(start: int, end: int) -> str:
    count = end - start
    if count == 1:
        return f"{start + 1}"
    return f"{start + 1 if count else start},{count}"


def _cut(text: str) -> str:
    """The whole lines that there is room for; a line that fills all of it is cut itself."""
    head = text[:UNIFIED_LIMIT]
    return head[:head.rindex("\n") + 1]
