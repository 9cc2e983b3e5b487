"""Versions of what can be edited, and what a change made different."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.change import check_version, differing, version_of
from api.domain.errors import PreconditionFailed

VALUES = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 2) | st.text(max_size=2), max_size=3)


@given(VALUES, VALUES)
def test_two_states_differ_in_just_what_is_needed_to_make_one_of_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    was, has_become = differing(before, after)

    assert {**{name: value for name, value in before.items() if name not in was}, **has_become} == after
    assert all(before.get(name, ...) != after.get(name, ...) for name in was.keys() | has_become.keys())


@given(VALUES, VALUES)
def test_states_have_the_same_version_if_they_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (version_of(one) == version_of(other)) is (one == other)


@pytest.mark.parametrize("wanted", [None, "*", ' "other", W/%s ', "%s"])
def test_an_edit_of_the_present_version_or_of_any_passes(wanted: str | None) -> None:
    values = {"name": "a"}

    check_version(wanted and wanted.replace("%s", version_of(values)), values)


@pytest.mark.parametrize("wanted", ["", '"other"', "nonsense"])
def test_an_edit_of_another_version_is_refused(wanted: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_version(wanted, {"name": "a"})
