"""Failures of a regression test: one per reason, with its code and a stable signature."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.domain.results.failure_code import Attribution, FailureCode
from api.domain.results.result import JudgedTest, OutputStatus, Report, ended_as_expected, expected_exit_code, output_status
from api.domain.runs.expected_tests import ExpectedTest

NO_EXIT_CODE = "No exit code was reported, expected {expected_exit_code}."


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why a regression test failed; `output_id` is None where the reason is the exit code."""

    regression_id: int
    sample_id: int
    code: FailureCode
    exit_code: int | None
    expected_exit_code: int
    output_id: int | None = None

    @property
    def signature(self) -> str:
        """The same in every run in which this test fails in this way: never a hash, a time or a run in it."""
        return f"{self.code.value}:{self.regression_id}:{self.output_id or 0}"


def message_of(failure: Failure) -> str:
    """What went wrong, in our own words: nothing that came from outside stands in them."""
    words = failure.code.message
    if failure.code is FailureCode.EXIT_CODE_MISMATCH and failure.exit_code is None:
        words = NO_EXIT_CODE
    return words.format(
        exit_code=failure.exit_code, expected_exit_code=failure.expected_exit_code, output_id=failure.output_id)


def crash_code(report: Report) -> FailureCode | None:
    """How the process ended, where its exit code tells of a signal, a crash or a limit; None for an ordinary exit."""
    if report.ending is None:
        return None
    return next((code for code in FailureCode if any(report.ending in endings for endings in code.endings)), None)


def hit_limit(test: ExpectedTest, report: Report) -> bool:
    """Whether the test was ended by a limit of time or memory, and was not expected to end so."""
    code = None if ended_as_expected(test, report) else crash_code(report)
    return code is not None and code.attribution is Attribution.INFRASTRUCTURE


def failures_of(judged: JudgedTest) -> tuple[Failure, ...]:
    """The reasons why a test failed, the exit code's first, then output by output; none for any other verdict."""
    report = judged.reports.report
    if report is None or not judged.verdict.is_failure:
        return ()
    return (*_exit_failures(judged, report), *_output_failures(judged, report))


def _exit_failures(judged: JudgedTest, report: Report) -> Iterator[Failure]:
    if ended_as_expected(judged.test, report):
        return
    wanted = expected_exit_code(judged.test, report)
    code = crash_code(report) or FailureCode.EXIT_CODE_MISMATCH
    yield Failure(judged.test.regression_id, judged.test.sample_id, code, report.exit_code, wanted)


def _output_failures(judged: JudgedTest, report: Report) -> Iterator[Failure]:
    test, wanted = judged.test, expected_exit_code(judged.test, report)
    for output in test.required_outputs:
        status = output_status(output, judged.reports.outputs.get(output.output_id))
        if not status.is_failure:
            continue
        code = FailureCode.MISSING_OUTPUT if status is OutputStatus.MISSING_OUTPUT else FailureCode.OUTPUT_DIFF
        yield Failure(test.regression_id, test.sample_id, code, report.exit_code, wanted, output.output_id)


def ending_of(judged: Iterable[JudgedTest], regression_id: int) -> FailureCode | None:
    """How a test's program ended, where it ended as it should not; None where nothing is wrong with that."""
    return next((
        failure.code for failure in failures_in(judged) if failure.regression_id == regression_id and failure.output_id is None), None)


def failures_in(judged: Iterable[JudgedTest]) -> tuple[Failure, ...]:
    """The failures of all these tests, in their order."""
    return tuple(failure for test in judged for failure in failures_of(test))
