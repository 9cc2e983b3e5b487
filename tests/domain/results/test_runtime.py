"""Slower and faster tests: real changes are seen, noise is not."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.result import JudgedTest, Report
from api.domain.results.runtime import ENOUGH, LEAST_MS, PastReports, RuntimeChanges, runtime_changes
from tests.domain.results.judged_tests import judged, make_test


@dataclass
class Program:
    """A program under test on machines as they are: of uneven speed, with noise that differs from test to test, and delays.

    Runtimes go from 20 ms to a minute, and their noise is skewed. One result in `1 / delays` is delayed: by a time, as by a slow
    disk, or by a factor, as by a busy neighbour; neither has a variance. One run in twenty is on a machine that is slow as a whole.
    """

    chance: Random
    tests: int = 300
    delays: float = 0.005
    noisiest: float = 0.2
    usual: list[float] = field(default_factory=list)
    noise: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.usual = [exp(self.chance.uniform(3, 11)) for _ in range(self.tests)]
        self.noise = [self.chance.uniform(0.01, self.noisiest) for _ in range(self.tests)]

    def runtimes(self) -> list[int]:
        """How long each test takes in one run."""
        speed = exp(self.chance.gauss(0, 0.1)) * (self.chance.uniform(1, 2) if self.chance.random() < 0.05 else 1)
        return [round(self._runtime(usual, noise) * speed) for usual, noise in zip(self.usual, self.noise, strict=True)]

    def _runtime(self, usual: float, noise: float) -> float:
        # Twice as wide above as below.
        skewed = self.chance.gauss(0, 1)
        took = usual * exp(noise * skewed * (1 if skewed > 0 else 0.5)) + self.chance.expovariate(1 / 3)
        if self.chance.random() < self.delays * 0.7:
            took += 150 * self.chance.paretovariate(1.2)
        if self.chance.random() < self.delays * 0.3:
            took *= 1 + 0.3 * self.chance.paretovariate(1.8)
        return took


Runtimes = Sequence[int | None]


def run_of(runtimes: Runtimes, exit_code: int = 0) -> list[JudgedTest]:
    return [
        judged(make_test(number), exit_code=exit_code, runtime_ms=each, ended=each is not None) for number, each in enumerate(runtimes, 1)]


def past_run(run_id: int, runtimes: Runtimes, exit_code: int = 0) -> PastReports:
    return PastReports(run_id, {
        number: Report(number, exit_code, each) for number, each in enumerate(runtimes, 1) if each is not None})


def compared(now: Runtimes, *past: Runtimes) -> RuntimeChanges:
    """The changes since past runs, newest first, which have the numbers 100, 99, 98 …"""
    return runtime_changes(run_of(now), [past_run(run_id, each) for run_id, each in zip(range(100, 0, -1), past, strict=False)])


KINDS = pytest.mark.parametrize(("tests", "past", "delays", "noisiest"), [
    (300, 20, 0.005, 0.2), (300, 20, 0.03, 0.1), (300, 20, 0, 0.5), (300, 7, 0.005, 0.2), (21, 20, 0.005, 0.2), (21, 5, 0.005, 0.2)])
def false_alarms(judgements: int, tests: int, past: int, delays: float, noisiest: float) -> float:
    """How many of so many tests are called slower or faster, of programs that never change."""
    chance = Random(f"{tests} {past} {delays} {noisiest}")
    told = judged_count = 0
    while judged_count < judgements:
        program = Program(chance, tests, delays, noisiest)
        found = compared(program.runtimes(), *[program.runtimes() for _ in range(past)])
        told += len(found.slower) + len(found.faster)
        judged_count += found.judged_count
    return told / judged_count


@KINDS
def test_less_than_one_in_a_thousand_tests_of_an_unchanged_program_is_called_slower_or_faster(
    tests: int, past: int, delays: float, noisiest: float,
) -> None:
    assert false_alarms(3_000, tests, past, delays, noisiest) < 0.001


@pytest.mark.verify
@KINDS
def test_the_same_holds_for_very_many_tests(tests: int, past: int, delays: float, noisiest: float) -> None:
    assert false_alarms(60_000, tests, past, delays, noisiest) < 0.001


@pytest.mark.parametrize(("factor", "delays", "repeats", "share"), [
    (2, 0.001, 0, 0.75), (2, 0.005, 0, 0.4), (3, 0.005, 0, 0.5), (2, 0.001, 1, 0.98), (2, 0.005, 1, 0.95), (3, 0.005, 1, 0.99)])
def test_a_test_that_takes_much_longer_is_seen_at_once_or_one_run_later(factor: int, delays: float, repeats: int, share: float) -> None:
    chance = Random(f"{factor} {delays}")
    seen = slowed = 0
    for _ in range(6):
        program = Program(chance, delays=delays, noisiest=0.1)
        past = [program.runtimes() for _ in range(20)]
        slow = [number for number, usual in enumerate(program.usual) if number % 10 == 0 and usual > 500]
        for number in slow:
            program.usual[number] *= factor
        since = [program.runtimes() for _ in range(repeats)]
        found = {each.test.test.regression_id - 1 for each in compared(program.runtimes(), *since, *past).slower}
        seen, slowed = seen + len(found & set(slow)), slowed + len(slow)

    assert seen / slowed > share


QUIET = [1000, 1010, 990, 1005, 995, 1000, 1020, 980]


def test_a_test_that_takes_twice_as_long_is_slower_with_what_was_usual_and_what_it_passed() -> None:
    found = compared([5000], *[[each] for each in QUIET])

    (change,) = found.slower
    assert (change.runtime_ms, change.median_ms, change.deviation_ms, change.threshold_ms) == (5000, 1000, 8, 4000)
    assert (change.result_count, change.since_run_id, change.is_slower, change.factor) == (8, None, True, 5)
    assert (found.run_count, found.judged_count, found.suite_ratio, found.suite_is_slower, found.faster) == (8, 1, None, False, ())


def test_a_test_that_takes_much_shorter_is_faster() -> None:
    found = compared([200], *[[each] for each in QUIET])

    (change,) = found.faster
    assert (change.is_slower, change.threshold_ms, change.factor, found.slower) == (False, 250, 5, ())


@pytest.mark.parametrize(("now", "usual"), [(3900, 1000), (50, 2), (260, 65), (1, 0)])
def test_what_is_no_large_factor_or_no_long_time_is_no_change(now: int, usual: int) -> None:
    found = compared([now], *[[usual]] * 8)

    assert (found.slower, found.faster, found.judged_count) == ((), (), 1)


def test_a_change_is_told_for_three_runs_with_the_run_it_began_with() -> None:
    runs = [[1000]] * 8
    told = []
    for _ in range(5):
        found = compared([5000], *runs)
        told.append([each.since_run_id for each in found.slower])
        runs = [[5000], *runs]

    assert told == [[None], [100], [99], [], []]


def test_a_change_that_lasts_needs_less_than_one_that_is_new() -> None:
    assert not compared([2500], *[[1000]] * 8).slower
    assert [each.since_run_id for each in compared([2500], [2500], *[[1000]] * 8).slower] == [100]


def test_what_the_newest_runs_took_already_is_not_this_runs_change() -> None:
    assert not compared([5000], [1000], [1000], [5000], *[[1000]] * 6).slower


@pytest.mark.parametrize("past", [
    [[1000]] * (ENOUGH - 1), [[None]] * 10, [[1000]] * 4 + [[None]] * 10])
def test_a_test_with_few_earlier_results_is_not_judged(past: list[Runtimes]) -> None:
    assert compared([9000], *past).judged_count == 0


def test_only_results_that_ended_in_the_same_way_count() -> None:
    crashed = [past_run(number, [10], exit_code=139) for number in range(8, 0, -1)]

    assert runtime_changes(run_of([9000]), crashed).judged_count == 0
    assert runtime_changes(run_of([9000], exit_code=-11), crashed).judged_count == 1


@pytest.mark.parametrize("now", [[None], [1000]])
def test_a_run_without_results_or_without_a_past_has_no_changes(now: Runtimes) -> None:
    assert compared(now) == RuntimeChanges(0, 0, None, False, (), ())


def test_a_slow_machine_is_told_once_and_makes_no_test_slower() -> None:
    usual = [1000 + 10 * number for number in range(30)]

    slow = compared([each * 5 for each in usual], *[usual] * 8)
    one = compared([each * 2 for each in usual[:-1]] + [usual[-1] * 20], *[usual] * 8)

    assert (round(slow.suite_ratio or 0, 2), slow.suite_is_slower, slow.slower) == (5.0, True, ())
    assert (round(one.suite_ratio or 0, 2), one.suite_is_slower) == (2.0, False)
    assert [(each.test.test.regression_id, each.median_ms) for each in one.slower] == [(30, 2 * usual[-1])]


def test_single_late_results_of_the_past_are_noise_and_a_lasting_change_of_the_past_is_not() -> None:
    late = [[1000] * 400 for _ in range(12)]
    for number in range(0, 12, 3):
        late[5][number] = late[8][number + 1] = 3000
    moved = [[3000] * 9 + [1000] * 391 if place in range(5, 8) else [1000] * 400 for place in range(12)]

    assert not compared([2500] + [1000] * 399, *late).slower
    assert [each.test.test.regression_id for each in compared([1000] * 399 + [2500], *moved).slower] == [400]


RUNTIMES = st.lists(st.none() | st.integers(-1, 2**63 - 1) | st.integers(1, 5000), min_size=12, max_size=12)


@given(RUNTIMES, st.lists(RUNTIMES, max_size=12))
def test_whatever_was_reported_a_change_is_one_beyond_its_threshold(now: list[int | None], past: list[list[int | None]]) -> None:
    found = compared(now, *past)

    for change in (*found.slower, *found.faster):
        beyond = change.runtime_ms >= change.threshold_ms if change.is_slower else change.runtime_ms <= change.threshold_ms
        assert beyond and abs(change.runtime_ms - change.median_ms) >= LEAST_MS - 1
        assert change.factor > 1.4 and change.result_count >= ENOUGH
    assert found.judged_count <= sum(each is not None for each in now)
