"""The first bad commit of several tests."""
from __future__ import annotations

import pytest

from api.domain.causes.first_bad import FirstBad, FirstBadState, common_first_bad
from api.domain.causes.step import Step


def step(first: int, before: int, *untested: str, runs: int = 1, is_assumed: bool = False) -> Step:
    return Step(f"c{first}", 99 - first, f"c{before}", 99 - before, first, before, untested, (), runs, is_assumed)


def test_the_common_range_of_several_steps_is_between_the_newest_good_and_the_oldest_bad_run() -> None:
    found = common_first_bad([step(1, 4, "a", "b"), step(2, 5, "b", runs=3)], is_common=True)

    assert found == FirstBad("c2", 97, FirstBadState.CONFIRMED, "c4", 95, ("b",))


def test_without_a_common_range_the_earliest_step_is_told_as_such() -> None:
    found = common_first_bad([step(1, 2), step(5, 6, "a")], is_common=False)

    assert (found.commit, found.good_commit, found.untested, found.is_earliest) == ("c5", "c6", ("a",), True)


@pytest.mark.parametrize("assumed", [True, False])
def test_one_assumed_ancestor_makes_the_whole_assumed(assumed: bool) -> None:
    assert common_first_bad([step(1, 2), step(1, 2, is_assumed=assumed)], is_common=True).is_assumed is assumed
