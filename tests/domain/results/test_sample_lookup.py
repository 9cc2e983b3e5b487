from __future__ import annotations

import pytest

from api.domain.errors import NotFound
from api.domain.results.result import NOTHING_REPORTED, JudgedTest, Verdict
from api.domain.results.sample_lookup import choose_output, choose_test
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests


def make_test(regression_id: int, sample_id: int, *output_ids: int) -> ExpectedTest:
    outputs = tuple(ExpectedOutput(output_id, "0" * 64, ".srt", "", False) for output_id in output_ids)
    return ExpectedTest(regression_id, sample_id, "a" * 64, "ts", "-out=srt", "file", "file", 0, (), outputs)


def judged(regression_id: int, sample_id: int, verdict: Verdict) -> JudgedTest:
    return JudgedTest(make_test(regression_id, sample_id), NOTHING_REPORTED, verdict)


@pytest.mark.parametrize(("verdicts", "chosen"), [
    ([Verdict.PASS, Verdict.FAIL, Verdict.FAIL], 2),
    ([Verdict.PASS, Verdict.PASS], 1),
    ([Verdict.PASS, Verdict.NOT_STARTED, Verdict.RUNNING, Verdict.SKIPPED], 4),
    ([Verdict.FAIL, Verdict.MISSING_OUTPUT], 2),
    ([Verdict.SKIPPED, Verdict.FAIL], 2)])
def test_a_sample_means_the_test_with_the_worst_verdict_then_the_lowest_id(verdicts: list[Verdict], chosen: int) -> None:
    tests = [judged(number, 7, verdict) for number, verdict in enumerate(verdicts, start=1)]

    found = choose_test(tests, 7)

    assert found.test.regression_id == chosen


def test_a_named_regression_test_is_chosen_whatever_its_verdict() -> None:
    tests = [judged(1, 7, Verdict.FAIL), judged(2, 7, Verdict.PASS)]

    found = choose_test(tests, 7, regression_id=2)

    assert found.test.regression_id == 2


def test_a_number_that_is_a_sample_is_never_taken_for_a_regression_test() -> None:
    tests = [judged(7, 1, Verdict.FAIL), judged(2, 7, Verdict.PASS)]

    found = choose_test(tests, 7)

    assert found.test.regression_id == 2


def test_a_number_that_is_no_sample_of_the_run_is_tried_as_a_regression_test() -> None:
    tests = [judged(8, 1, Verdict.PASS), judged(2, 1, Verdict.FAIL)]

    found = choose_test(tests, 8)

    assert found.test.regression_id == 8


@pytest.mark.parametrize(("sample_id", "regression_id"), [(9, None), (9, 1), (7, 3), (7, 9), (1, 2)])
def test_what_does_not_belong_together_is_not_found(sample_id: int, regression_id: int | None) -> None:
    tests = [judged(1, 7, Verdict.PASS), judged(2, 7, Verdict.PASS), judged(3, 4, Verdict.PASS)]

    with pytest.raises(NotFound):
        choose_test(tests, sample_id, regression_id)


def test_an_output_is_found_by_sample_test_and_output_together() -> None:
    expected = ExpectedTests.of([make_test(1, 7, 10), make_test(2, 7, 20, 21)])

    found = choose_output(expected, 7, 2, 21)

    assert (found.test.regression_id, found.output.output_id) == (2, 21)


@pytest.mark.parametrize(("sample_id", "regression_id", "output_id"), [(7, 2, 10), (7, 1, 20), (8, 1, 10), (7, 3, 10), (7, 1, 99)])
def test_an_output_of_another_test_is_not_found(sample_id: int, regression_id: int, output_id: int) -> None:
    expected = ExpectedTests.of([make_test(1, 7, 10), make_test(2, 7, 20)])

    with pytest.raises(NotFound):
        choose_output(expected, sample_id, regression_id, output_id)
