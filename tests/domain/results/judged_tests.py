"""Regression tests of runs for domain tests, judged as a run judges them."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.domain.results.result import JudgedTest, OutputReport, Report, TestReports, judge
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests
from api.domain.runs.run import Phase

BASELINE, VARIANT, OTHER = "a" * 64, "b" * 64, "c" * 64


def make_output(output_id: int = 1, *, baseline: str = BASELINE, ignored: bool = False, suffix: str = "") -> ExpectedOutput:
    """An output that one variant is as good for."""
    return ExpectedOutput(output_id, baseline, ".srt", suffix, ignored, (VARIANT,))


def make_test(
    regression_id: int = 42, sample_id: int = 7, *, outputs: Sequence[ExpectedOutput] = (make_output(),),
    categories: Sequence[str] = (), expected_exit_code: int = 0,
) -> ExpectedTest:
    """A regression test."""
    return ExpectedTest(
        regression_id, sample_id, "d" * 64, "ts", "-out=srt", "file", "file", expected_exit_code, tuple(categories), tuple(outputs))


def judged(
    test: ExpectedTest, *, exit_code: int | None = 0, got: Mapping[int, str | None] | None = None, ended: bool = True,
    runtime_ms: int | None = 100, phase: Phase = Phase.COMPLETED,
) -> JudgedTest:
    """The test in a run: `got` has the outputs that came, None for a match; all match unless they are given."""
    came = {output.output_id: None for output in test.outputs} if got is None else got
    outputs = {output_id: OutputReport(test.regression_id, output_id, digest) for output_id, digest in came.items()}
    report = Report(test.regression_id, exit_code, runtime_ms) if ended else None
    return judge(ExpectedTests.of([test]), {test.regression_id: TestReports(report, outputs)}, phase)[0]
