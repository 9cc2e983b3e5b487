"""The line of a run: its base, what lies between, and where a test has its nearest result."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.domain.results.base_run import Base, BaseReason, Line, PastRun, in_order, joined
from api.domain.results.result import Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def past(run_id: int, *, is_own: bool = False, is_assumed: bool = False) -> PastRun:
    return PastRun(run_id, f"c{run_id}", NOW, None, is_own, is_assumed)


@pytest.mark.parametrize(("runs", "merge_base", "base"), [
    ([], None, None),
    ([past(9, is_own=True)], "c9", None),
    ([past(9, is_own=True), past(8), past(7)], "c8", Base(8, BaseReason.MERGE_BASE)),
    ([past(8), past(7)], "c9", Base(8, BaseReason.ANCESTOR)),
    ([past(8)], None, Base(8, BaseReason.ANCESTOR)),
    ([past(8, is_assumed=True)], "c8", Base(8, BaseReason.BEFORE)),
])
def test_the_base_is_the_nearest_run_that_is_not_the_runs_own(runs: list[PastRun], merge_base: str | None, base: Base | None) -> None:
    assert Line(tuple(runs), merge_base=merge_base).base == base


@pytest.mark.parametrize(("run_id", "between"), [(9, ()), (7, ("c9", "c8")), (6, ("c9", "c8", "c7")), (5, ("c9", "c8", "c7")), (4, ())])
def test_nearer_commits_lie_between(run_id: int, between: tuple[str, ...]) -> None:
    line = Line((past(9), past(7), past(6, is_assumed=True), past(5, is_assumed=True)), ("c9", "c8", "c7"))

    assert line.between(run_id) == between


def test_a_commit_that_is_no_known_ancestor_has_nothing_between() -> None:
    assert Line((past(4),), ("c9",)).between(4) == ()


def test_a_result_is_looked_for_behind_runs_that_have_none() -> None:
    line = Line((past(9, is_own=True), past(8), past(7), past(6)))
    verdicts = {
        1: {9: Verdict.PASS, 8: Verdict.SKIPPED, 6: Verdict.FAIL}, 2: {8: Verdict.MISSING_OUTPUT, 7: Verdict.PASS}, 3: {9: Verdict.PASS}}

    assert line.nearest_results(verdicts, [1, 2, 3, 4]) == {1: 6, 2: 8}


def test_runs_are_in_the_order_of_their_distance_and_of_one_distance_the_newest_first() -> None:
    assert [run.run_id for run in in_order([(2, past(1)), (1, past(3)), (2, past(5))])] == [3, 5, 1]


def test_lists_of_runs_are_joined_with_each_run_once() -> None:
    assert [run.run_id for run in joined([past(3), past(2)], [past(2), past(1)])] == [3, 2, 1]
