"""Diffs are applied to the line, or not at all."""
from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.demo.patch import PatchMismatch, patched

TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "-c\n", "+d\n", "@@ e\n", "\n"]), max_size=20)


@given(TEXTS, TEXTS)
def test_a_diff_turns_the_one_text_into_the_other(before: list[str], after: list[str]) -> None:
    diff = "".join(difflib.unified_diff(before, after, "before", "after"))

    assert patched("".join(before), diff) == "".join(after)


def test_a_text_that_the_diff_was_not_made_from_is_refused() -> None:
    diff = "".join(difflib.unified_diff(["a\n", "b\n"], ["a\n", "c\n"]))

    with pytest.raises(PatchMismatch, match="line 2"):
        patched("a\nx\n", diff)
