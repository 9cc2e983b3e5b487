"""Which regression tests take longer, or shorter, than they did in earlier runs, beyond their noise."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, log
from statistics import median

from api.domain.results.result import JudgedTest, Report

# So many earlier runs are looked at, and a test is judged by so many of its results at least.
PAST_RUNS, ENOUGH = 20, 5
# A change is at least this factor, this many milliseconds, and this many standard deviations of the test's own noise.
RATIO, LEAST_MS, DEVIATIONS = 1.5, 200, 6
# A change since one of so many runs is told. Those after it are all away from what was before, and this factor from the last before.
RECENT, RECENT_RATIO = 3, 1.25
# One in so many past results may lie further off than what is a change; where fewer results than `TELLING` are known, they cannot
# say what happens by chance, and a change is at least `CAUTIOUS_RATIO`.
RARE, TELLING, CAUTIOUS_RATIO = 7000, 4000, 4.0
# How fast the machine was is told by so many tests at least.
SUITE = 10
# The median absolute deviation times this is the standard deviation of normal noise; less noise than the floor is not believed in.
NORMAL, FLOOR = 1.4826, 0.03


@dataclass(frozen=True, slots=True)
class PastReports:
    """How the tests of an earlier run ended, by regression id; of some also the hashes of their outputs, None for a match."""

    run_id: int
    reports: Mapping[int, Report]
    outputs: Mapping[int, Mapping[int, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuntimeChange:
    """A test that takes longer, or shorter, than its noise explains: since the run itself where `since_run_id` is None.

    Times are in milliseconds, as they would be at the speed of the run's machine. Half of the `result_count` results before the
    change lie within `deviation_ms` of their median; `threshold_ms` is what the test had to pass.
    """

    test: JudgedTest
    runtime_ms: int
    median_ms: int
    deviation_ms: int
    threshold_ms: int
    result_count: int
    since_run_id: int | None = None

    @property
    def is_slower(self) -> bool:
        """Whether it takes longer, else shorter."""
        return self.runtime_ms > self.median_ms

    @property
    def factor(self) -> float:
        """How many times as long it takes, or as short."""
        shorter, longer = sorted((max(1, self.runtime_ms), max(1, self.median_ms)))
        return longer / shorter


@dataclass(frozen=True, slots=True)
class RuntimeChanges:
    """What became slower and what faster, the greatest factor first, of the `judged_count` tests with enough results.

    `suite_ratio` is how many times as long as usual the middle one of the tests took, by which each was corrected; None where too
    few tests tell. `suite_is_slower` says that this is more than machines differ.
    """

    run_count: int
    judged_count: int
    suite_ratio: float | None
    suite_is_slower: bool
    slower: tuple[RuntimeChange, ...]
    faster: tuple[RuntimeChange, ...]


@dataclass(frozen=True, slots=True)
class _Series:
    """A test's runtimes as logarithms, newest first: the run's own, then past ones, with the place of each past run."""

    test: JudgedTest
    now: float
    past: Sequence[float]
    places: Sequence[int]
    middle: float

    def corrected(self, now: float, speeds: Sequence[float]) -> _Series:
        """The same as if all machines had been equally fast."""
        past = [value - speeds[place] for value, place in zip(self.past, self.places, strict=True)]
        return _Series(self.test, self.now - now, past, self.places, median(past))


@dataclass(frozen=True, slots=True)
class _Step:
    """A lasting change: how many past results it has already, and what the least of the results since had to pass."""

    age: int
    before: float
    threshold: float


@dataclass(frozen=True, slots=True)
class _Chance:
    """By how much single results, of so many, lay off: as the logarithm of a factor, and in milliseconds."""

    surprises: Sequence[tuple[float, float]] = ()
    count: int = 0

    def limit(self, usual: float, repeats: int) -> float:
        """How far off a test that takes `usual` milliseconds comes in one of `RARE` cases, so many times in a row.

        If another test was delayed by a time and a factor, this one is allowed the smaller of the two.
        """
        if self.count < TELLING:
            return log(CAUTIOUS_RATIO) / repeats
        reached = sorted((min(factor, log(1 + time / usual)) for factor, time in self.surprises), reverse=True)
        allowed = int(self.count / RARE ** (1 / repeats))
        return reached[allowed] if len(reached) > allowed else 0.0


def runtime_changes(run: Sequence[JudgedTest], past: Sequence[PastReports]) -> RuntimeChanges:
    """Compare the runtimes of a run's tests with those of earlier runs, newest first, on the same kind of machine.

    A test's results count where it ended with the same exit code as in the run. How fast a machine was in a run, the median of
    its tests' factors, is divided out. A test changed where what is left is away from the median of before by `RATIO`, `LEAST_MS`,
    `DEVIATIONS` of its own noise, and further off than all but one in `RARE` results.
    """
    found = [series for test in run if (series := _series(test, past)) is not None]
    now, speeds = _speeds(found, len(past))
    equal = [series.corrected(now, speeds) for series in found]
    changes = sorted(_changes(equal, now, past), key=lambda each: (-each.factor, each.test.test.regression_id))
    is_slower = len(found) >= SUITE and _step(now, speeds, _Chance(), 1) is not None
    return RuntimeChanges(
        len(past), len(found), exp(now) if len(found) >= SUITE else None, is_slower,
        tuple(each for each in changes if each.is_slower), tuple(each for each in changes if not each.is_slower))


def _series(test: JudgedTest, past: Sequence[PastReports]) -> _Series | None:
    report = test.reports.report
    if report is None or report.runtime_ms is None:
        return None
    past_values, places = [], []
    for place, each in enumerate(past):
        other = each.reports.get(report.regression_id)
        if other is not None and other.runtime_ms is not None and other.ending == report.ending:
            past_values.append(_log(other.runtime_ms))
            places.append(place)
    enough = len(places) >= ENOUGH
    return _Series(test, _log(report.runtime_ms), past_values, places, median(past_values)) if enough else None


def _log(runtime_ms: int) -> float:
    return log(max(1, runtime_ms))


def _speeds(found: Sequence[_Series], runs: int) -> tuple[float, Sequence[float]]:
    """How much slower than usual the machine was now, and in each past run; as usual where too few tests tell."""
    factors: list[list[float]] = [[] for _ in range(runs)]
    for series in found:
        for value, place in zip(series.past, series.places, strict=True):
            factors[place].append(value - series.middle)
    return _speed([series.now - series.middle for series in found]), [_speed(each) for each in factors]


def _speed(factors: Sequence[float]) -> float:
    return median(factors) if len(factors) >= SUITE else 0.0


def _changes(found: Sequence[_Series], speed: float, past: Sequence[PastReports]) -> Iterator[RuntimeChange]:
    chances = {sign: _chance(found, sign) for sign in (1, -1)}
    for series in found:
        sign = 1 if series.now > series.middle else -1
        if abs(series.now - series.middle) < log(RATIO):
            continue
        step = _step(series.now, series.past, chances[sign], sign)
        if step is not None and abs(exp(series.now) - exp(step.before)) * exp(speed) >= LEAST_MS:
            since = past[series.places[step.age - 1]].run_id if step.age else None
            yield _in_milliseconds(series, step, speed, since)


def _chance(found: Sequence[_Series], sign: int) -> _Chance:
    return _Chance([each for series in found for each in _surprises(series, sign)], sum(len(series.past) for series in found))


def _surprises(series: _Series, sign: int) -> Iterator[tuple[float, float]]:
    """How far single results lie off; one that the result before or after is near to belongs to a lasting change, not to noise."""
    past, middle, usual = series.past, series.middle, exp(series.middle)
    if max(sign * (exp(max(past) if sign > 0 else min(past)) - usual), 0) < LEAST_MS:
        return
    for after, (value, before) in zip(past, pairwise(past[1:]), strict=False):
        off, time = sign * (value - middle), abs(exp(value) - usual)
        if off > 0 and time >= LEAST_MS and max(sign * (before - middle), sign * (after - middle)) < off / 2:
            yield off, time


def _step(now: float, past: Sequence[float], chance: _Chance, sign: int) -> _Step | None:
    """The newest lasting change up (or, by the sign -1, down); all results since are beyond what those before allow."""
    least = sign * now
    for age in range(RECENT):
        before = past[age:]
        if len(before) < ENOUGH:
            return None
        least = min(least, sign * past[age - 1]) if age else least
        middle = median(before)
        if least - sign * middle >= log(RATIO):
            threshold = max(log(RATIO), DEVIATIONS * _noise(before, middle), chance.limit(exp(middle), age + 1))
            recent = max(sign * value for value in before[:RECENT]) + log(RECENT_RATIO)
            if least >= max(sign * middle + threshold, recent):
                return _Step(age, middle, threshold)
    return None


def _noise(past: Sequence[float], middle: float) -> float:
    return max(FLOOR, NORMAL * median(abs(value - middle) for value in past))


def _in_milliseconds(series: _Series, step: _Step, speed: float, since: int | None) -> RuntimeChange:
    before, sign = series.past[step.age:], 1 if series.now > step.before else -1
    runtime, usual, passed = (exp(each + speed) for each in (series.now, step.before, step.before + sign * step.threshold))
    threshold = max(passed, usual + LEAST_MS) if sign > 0 else min(passed, usual - LEAST_MS)
    deviation = usual * (exp(median(abs(value - step.before) for value in before)) - 1)
    return RuntimeChange(series.test, round(runtime), round(usual), round(deviation), round(threshold), len(before), since)
