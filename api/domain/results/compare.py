"""Compares a run with its base: fixed, broken, failing in the same way, failing differently, expected otherwise."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from api.domain.results.failure import Failure, failures_of
from api.domain.results.result import JudgedTest, differing_hash, produced_hash


class Bucket(StrEnum):
    """Where a regression test stands; each test of the two runs is in exactly one."""

    FIXED = "fixed"
    BROKEN = "broken"
    FAILING_SAME = "failing_same"
    FAILING_DIFFERENTLY = "failing_differently"
    REBASELINED = "rebaselined"
    NOT_COMPARABLE = "not_comparable"
    PASSING = "passing"


@dataclass(frozen=True, slots=True)
class OutputHashes:
    """An output's hashes (hex) in both runs: what was expected of it, and what came instead; None for the baseline, or for nothing."""

    output_id: int
    base_expected: str | None
    base_actual: str | None
    run_expected: str | None
    run_actual: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A regression test in both runs; a side is None where the run's set lacks it. `outputs` are those that failed on either side."""

    regression_id: int
    bucket: Bucket
    base: JudgedTest | None
    run: JudgedTest | None
    outputs: tuple[OutputHashes, ...] = ()

    @property
    def either(self) -> JudgedTest:
        """The test as the run has it, or else as the base has."""
        side = self.run or self.base
        assert side is not None, "a test is compared because one of the runs has it"
        return side


def compare(base: Sequence[JudgedTest], run: Sequence[JudgedTest]) -> tuple[Compared, ...]:
    """Every test of either run with its bucket, by regression id. Verdicts are taken as they are, and never changed."""
    bases = {test.test.regression_id: test for test in base}
    runs = {test.test.regression_id: test for test in run}
    return tuple(_compared(each, bases.get(each), runs.get(each)) for each in sorted(bases.keys() | runs.keys()))


def _compared(regression_id: int, base: JudgedTest | None, run: JudgedTest | None) -> Compared:
    outputs = _failed_outputs(base, run)
    return Compared(regression_id, _bucket(base, run), base, run, outputs)


def _bucket(base: JudgedTest | None, run: JudgedTest | None) -> Bucket:
    if base is None or run is None or not (base.verdict.has_result and run.verdict.has_result):
        return Bucket.NOT_COMPARABLE
    if base.verdict.is_failure != run.verdict.is_failure:
        if _is_rebaselined(base, run):
            return Bucket.REBASELINED
        return Bucket.BROKEN if run.verdict.is_failure else Bucket.FIXED
    if not run.verdict.is_failure:
        return Bucket.PASSING
    return Bucket.FAILING_SAME if manner_of(base) == manner_of(run) else Bucket.FAILING_DIFFERENTLY


def _is_rebaselined(base: JudgedTest, run: JudgedTest) -> bool:
    """Whether the program did the same in both runs, and only what is expected of it differs."""
    before, now = _expected(base), _expected(run)
    return before != now and before.keys() == now.keys() and _came(base) == _came(run)


def _expected(test: JudgedTest) -> dict[int, tuple[str, ...]]:
    return {each.output_id: (each.baseline.lower(), *sorted(each.acceptable)) for each in test.test.required_outputs}


def _came(test: JudgedTest) -> tuple[int | None, dict[int, str | None]]:
    ending = None if test.reports.report is None else test.reports.report.ending
    return ending, {each.output_id: produced_hash(each, test.reports.outputs.get(each.output_id)) for each in test.test.required_outputs}


def manner_of(test: JudgedTest) -> frozenset[tuple[str, int | None, str | None]]:
    """How a test fails: each failure's signature, with what the program ended with, or the hash of the output that differs."""
    return frozenset((failure.signature, *_evidence(test, failure)) for failure in failures_of(test))


def _evidence(test: JudgedTest, failure: Failure) -> tuple[int | None, str | None]:
    if failure.output_id is None:
        return None if test.reports.report is None else test.reports.report.ending, None
    return None, _hashes(test, failure.output_id)[1]


def _failed_outputs(base: JudgedTest | None, run: JudgedTest | None) -> tuple[OutputHashes, ...]:
    failed = {
        failure.output_id for side in (base, run) if side is not None for failure in failures_of(side)
        if failure.output_id is not None}
    return tuple(
        OutputHashes(output_id, *_hashes(base, output_id), *_hashes(run, output_id)) for output_id in sorted(failed))


def _hashes(side: JudgedTest | None, output_id: int) -> tuple[str | None, str | None]:
    output = None if side is None else side.test.output(output_id)
    if side is None or output is None:
        return None, None
    return output.baseline, differing_hash(output, side.reports.outputs.get(output_id))
