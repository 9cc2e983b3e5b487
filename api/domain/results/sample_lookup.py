"""Which regression test of a run `{sample_id}` names, and which of its outputs."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from api.domain.errors import NotFound
from api.domain.results.result import JudgedTest, Verdict
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests

T = TypeVar("T")

# From the worst to the best: what failed, what was never tried, what may still come, what is in order.
BY_SEVERITY = (
    Verdict.MISSING_OUTPUT, Verdict.FAIL, Verdict.SKIPPED, Verdict.RUNNING, Verdict.NOT_STARTED, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class ChosenOutput:
    """An output of a run, and the test that produces it."""

    test: ExpectedTest
    output: ExpectedOutput


def choose_test(judged: Sequence[JudgedTest], sample_id: int, regression_id: int | None = None) -> JudgedTest:
    """The regression test of a run that is meant: the worst verdict, then the lowest id, unless one is named.

    `sample_id` is a media sample's number, or a regression test's where no sample of the run has it. Raises NotFound.
    """
    found = _named(judged, lambda each: each.test, sample_id, regression_id)
    return min(found, key=lambda each: (BY_SEVERITY.index(each.verdict), each.test.regression_id))


def choose_output(expected: ExpectedTests, sample_id: int, regression_id: int, output_id: int) -> ChosenOutput:
    """The output that these three name together, each belonging to the one before. Raises NotFound."""
    test = _named(expected.tests, lambda each: each, sample_id, regression_id)[0]
    output = test.output(output_id)
    if output is None:
        raise NotFound("output", output_id, remedy="The run's sample lists its outputs: GET /runs/{run_id}/samples/{sample_id}.")
    return ChosenOutput(test, output)


def _named(tests: Sequence[T], definition: Callable[[T], ExpectedTest], sample_id: int, regression_id: int | None) -> Sequence[T]:
    of_sample = [each for each in tests if definition(each).sample_id == sample_id]
    of_sample = of_sample or [each for each in tests if definition(each).regression_id == sample_id]
    if not of_sample:
        raise NotFound("sample", sample_id, remedy="List the samples of the run with GET /runs/{run_id}/samples.")
    if regression_id is None:
        return of_sample
    found = [each for each in of_sample if definition(each).regression_id == regression_id]
    if not found:
        raise NotFound("regression_test", regression_id, remedy="Name a regression test of this sample and run.")
    return found
