from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.domain.text.decoding import decode_pair
from api.domain.text.diff import split_lines
from api.domain.text.edit_script import ANCHORED_LINES, Change, coarse_changes, explains
from api.domain.text.exact_diff import exact_changes
from tests.domain.text.diffs import pairs
from tests.examples import examples

few_lines = st.lists(st.sampled_from("abcdefg"), max_size=30)
many_lines = st.lists(st.text("abc", max_size=3), max_size=40)


@given(pairs())
def test_exact_changes_explain_the_difference_and_nothing_more(pair: tuple[bytes, bytes]) -> None:
    _, *texts = decode_pair(*pair)
    expected, actual = (split_lines(text).comparable for text in texts)

    changes = exact_changes(*pair)

    assert explains(changes, expected, actual)
    assert bool(changes) == (pair[0] != pair[1])


@settings(max_examples=examples(1000), deadline=None)
@example(["a", "a", "b"], ["a", "b", "a"])
@given(st.one_of(few_lines, many_lines), st.one_of(few_lines, many_lines))
def test_coarse_changes_explain_any_difference(expected: list[str], actual: list[str]) -> None:
    changes = coarse_changes(expected, actual)

    assert explains(changes, expected, actual)
    assert bool(changes) == (expected != actual)


@given(st.one_of(few_lines, many_lines), st.one_of(few_lines, many_lines))
def test_changes_stand_in_order_with_equal_lines_between_them(expected: list[str], actual: list[str]) -> None:
    changes = coarse_changes(expected, actual)

    for before, after in zip(changes, changes[1:], strict=False):
        gap = after.expected_start - before.expected_start - before.expected_count
        assert gap == after.actual_start - before.actual_start - before.actual_count
        assert gap > 0


def test_the_coarse_way_finds_what_the_exact_one_finds_where_lines_are_unique() -> None:
    expected = [str(number) for number in range(1000)]
    actual = [line if int(line) % 100 else f"changed {line}" for line in expected]

    coarse = coarse_changes(expected, actual)

    assert coarse == exact_changes("\n".join(expected).encode(), "\n".join(actual).encode())
    assert len(coarse) == 10


def test_lines_that_moved_are_told_as_removed_and_added() -> None:
    changes = coarse_changes(["a", "b", "c", "d"], ["c", "d", "a", "b"])

    assert explains(changes, ["a", "b", "c", "d"], ["c", "d", "a", "b"])
    assert sum(change.expected_count for change in changes) == 2


def test_with_very_many_lines_only_the_middle_is_replaced() -> None:
    middle = ANCHORED_LINES // 2
    expected = ["same", *(f"e{number}" for number in range(middle)), "anchor", "e", "same"]
    actual = ["same", *(f"a{number}" for number in range(middle)), "anchor", "a", "same"]

    changes = coarse_changes(expected, actual)

    assert changes == [Change(1, middle + 2, 1, middle + 2)]


@pytest.mark.parametrize("changes", [[], [Change(0, 1, 0, 1)], [Change(1, 1, 1, 1), Change(2, 0, 2, 1)]])
def test_changes_that_do_not_explain_the_difference_are_recognized(changes: list[Change]) -> None:
    assert not explains(changes, ["a", "b", "c"], ["a", "x", "c"])
