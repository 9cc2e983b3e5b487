"""What a machine is told of a run's tests."""
from __future__ import annotations

import pytest

from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests
from api.domain.runs.worker_suite import SuiteFile, SuiteTest, suite_of

SAMPLE, BASELINE = "a" * 64, "b" * 64


def a_test(*outputs: ExpectedOutput, output_type: str = "file") -> ExpectedTests:
    return ExpectedTests.of([ExpectedTest(5, 1, SAMPLE, "ts", "-1", "file", output_type, 0, ("DVB", "CEA-708"), outputs)])


def an_output(output_id: int = 8, baseline: str = BASELINE, *, suffix: str = "", ignored: bool = False) -> ExpectedOutput:
    return ExpectedOutput(output_id, baseline, ".srt", suffix, ignored)


def test_a_test_is_told_with_its_first_category_its_sample_and_its_outputs() -> None:
    told = suite_of(a_test(an_output(), an_output(9, suffix="_1", ignored=True), output_type="report"))

    assert told == (SuiteTest(5, "DVB", "-1", "file", "report", SAMPLE, f"{SAMPLE}.ts", (
        SuiteFile(8, BASELINE, f"{SAMPLE}.srt"), SuiteFile(9, BASELINE, f"{SAMPLE}_1.srt", ignored=True))),)


def test_a_test_without_outputs_writes_into_a_file_that_nobody_looks_at() -> None:
    [told] = suite_of(a_test(output_type="null"))

    assert told.files == (SuiteFile(None, None, "unchecked.txt", ignored=True),)


@pytest.mark.parametrize("baseline", ["", " "])
def test_an_output_that_nothing_was_approved_for_is_sent_in_any_case(baseline: str) -> None:
    [told] = suite_of(a_test(an_output(baseline=baseline)))

    assert told.files[0].baseline is None


def test_an_output_whose_baseline_has_no_file_is_sent_so_that_the_file_comes_back() -> None:
    [told] = suite_of(a_test(an_output(8, "C" * 64), an_output(9)), absent={BASELINE})

    assert [file.baseline for file in told.files] == ["c" * 64, None]
