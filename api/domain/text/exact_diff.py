"""Exact edit scripts by git's algorithm. Its library takes 9 MB, so that only the processes that compare files import it."""
from __future__ import annotations

from pygit2 import Patch
from pygit2.enums import DiffOption

from api.domain.text.edit_script import Change


def exact_changes(expected: bytes, actual: bytes) -> list[Change]:
    """The changes in order, as git finds them, lines being what ends with a newline, compared as bytes.

    Takes unbounded time for some pairs, during which nothing else in the process runs.
    """
    patch = Patch.create_from(expected, actual, flag=DiffOption.FORCE_TEXT, context_lines=0, interhunk_lines=0)
    return [
        # Where a side has no lines, git names the line before.
        Change(
            hunk.old_start - 1 if hunk.old_lines else hunk.old_start, hunk.old_lines,
            hunk.new_start - 1 if hunk.new_lines else hunk.new_start, hunk.new_lines)
        for hunk in patch.hunks]
