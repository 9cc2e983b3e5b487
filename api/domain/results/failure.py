"""Failures of a regression test: one per reason, with type, severity, attribution and a stable signature."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from api.domain.results.exit_code import HANGUP_EXIT_CODE, REAL_TIME_SIGNALS, SIGNALS, TIME_LIMIT_EXIT_CODE
from api.domain.results.result import JudgedTest, OutputStatus, Report, ended_as_expected, expected_exit_code, output_status
from api.domain.runs.expected_tests import ExpectedTest


class FailureType(StrEnum):
    """The contract's types of a test's errors."""

    TEST_FAILURE = "test_failure"
    EXIT_CODE_MISMATCH = "exit_code_mismatch"
    MISSING_OUTPUT = "missing_output"
    DIFF_MISMATCH = "diff_mismatch"


class Severity(StrEnum):
    """How bad an error is, from harmless to worst."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Attribution(StrEnum):
    """Whether the code under test or the machinery around it is to be looked at."""

    REGRESSION = "regression"
    INFRASTRUCTURE = "infrastructure"


class FailureCode(StrEnum):
    """A stable word for the kind of a failure."""

    SEGFAULT = "SEGFAULT"
    ABORT = "ABORT"
    CRASH = "CRASH"
    TIMEOUT = "TIMEOUT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    SIZE_LIMIT = "SIZE_LIMIT"
    SIGNAL = "SIGNAL"
    EXIT_CODE_MISMATCH = "EXIT_CODE_MISMATCH"
    MISSING_OUTPUT = "MISSING_OUTPUT"
    OUTPUT_DIFF = "OUTPUT_DIFF"


# Windows' NTSTATUS codes of severity "error", stored signed: how it ends a process that crashed.
_NTSTATUS_ERRORS = range(0xC0000000 - 2**32, 0xD0000000 - 2**32)
# A C++ exception that nobody caught, on Windows.
_UNCAUGHT = 0xE06D7363 - 2**32
# What the normalized exit codes say that tell of more than an ordinary exit.
_CRASH_CODES = {
    **{-number: FailureCode.SIGNAL for number in SIGNALS | REAL_TIME_SIGNALS}, HANGUP_EXIT_CODE: FailureCode.SIGNAL,
    **dict.fromkeys((-4, -5, -7, -8, -31, _UNCAUGHT), FailureCode.CRASH),
    -6: FailureCode.ABORT, -9: FailureCode.MEMORY_LIMIT, -11: FailureCode.SEGFAULT, -24: FailureCode.TIMEOUT, -25: FailureCode.SIZE_LIMIT,
    TIME_LIMIT_EXIT_CODE: FailureCode.TIMEOUT,
}
MESSAGES = {
    FailureCode.SEGFAULT: "The program crashed with a segmentation fault (exit code {exit_code}).",
    FailureCode.ABORT: "The program aborted itself (exit code {exit_code}).",
    FailureCode.CRASH: "The program crashed (exit code {exit_code}).",
    FailureCode.TIMEOUT: "The program ran into its time limit (exit code {exit_code}).",
    FailureCode.MEMORY_LIMIT: "The program was killed, as a memory limit does (exit code {exit_code}).",
    FailureCode.SIZE_LIMIT: "The program wrote a file beyond its size limit (exit code {exit_code}).",
    FailureCode.SIGNAL: "The program was ended by a signal (exit code {exit_code}).",
    FailureCode.EXIT_CODE_MISMATCH: "Exit code {exit_code}, expected {expected_exit_code}.",
    FailureCode.MISSING_OUTPUT: "Output {output_id} was not written.",
    FailureCode.OUTPUT_DIFF: "Output {output_id} differs from its baseline.",
}
NO_EXIT_CODE = "No exit code was reported, expected {expected_exit_code}."
MACHINERYS_LIMITS = frozenset({FailureCode.TIMEOUT, FailureCode.MEMORY_LIMIT})
SEVERITIES = {
    FailureType.TEST_FAILURE: Severity.CRITICAL,
    FailureType.EXIT_CODE_MISMATCH: Severity.ERROR,
    FailureType.MISSING_OUTPUT: Severity.ERROR,
    FailureType.DIFF_MISMATCH: Severity.WARNING,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why a regression test failed; `output_id` is None where the reason is the exit code."""

    regression_id: int
    sample_id: int
    type: FailureType
    code: FailureCode
    exit_code: int | None
    expected_exit_code: int
    output_id: int | None = None

    @property
    def severity(self) -> Severity:
        """The severity that the type has."""
        return SEVERITIES[self.type]

    @property
    def attribution(self) -> Attribution:
        """Limits of time and memory are the machinery's, everything else is a regression."""
        return Attribution.INFRASTRUCTURE if self.code in MACHINERYS_LIMITS else Attribution.REGRESSION

    @property
    def signature(self) -> str:
        """The same in every run in which this test fails in this way: never a hash, a time or a run in it."""
        return f"{self.code.value}:{self.regression_id}:{self.output_id or 0}"


def message_of(failure: Failure) -> str:
    """What went wrong, in our own words: nothing that came from outside stands in them."""
    words = MESSAGES[failure.code]
    if failure.code is FailureCode.EXIT_CODE_MISMATCH and failure.exit_code is None:
        words = NO_EXIT_CODE
    return words.format(
        exit_code=failure.exit_code, expected_exit_code=failure.expected_exit_code, output_id=failure.output_id)


def crash_code(report: Report) -> FailureCode | None:
    """How the process ended, where its exit code tells of a signal, a crash or a limit; None for an ordinary exit."""
    if report.ending is None:
        return None
    return _CRASH_CODES.get(report.ending, FailureCode.CRASH if report.ending in _NTSTATUS_ERRORS else None)


def hit_limit(test: ExpectedTest, report: Report) -> bool:
    """Whether the test was ended by a limit of time or memory, and was not expected to end so."""
    return not ended_as_expected(test, report) and crash_code(report) in MACHINERYS_LIMITS


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
    crashed = crash_code(report)
    kind = FailureType.EXIT_CODE_MISMATCH if crashed is None else FailureType.TEST_FAILURE
    code = crashed or FailureCode.EXIT_CODE_MISMATCH
    yield Failure(judged.test.regression_id, judged.test.sample_id, kind, code, report.exit_code, wanted)


def _output_failures(judged: JudgedTest, report: Report) -> Iterator[Failure]:
    test, wanted = judged.test, expected_exit_code(judged.test, report)
    for output in test.required_outputs:
        status = output_status(output, judged.reports.outputs.get(output.output_id))
        if not status.is_failure:
            continue
        missing = status is OutputStatus.MISSING_OUTPUT
        kind = FailureType.MISSING_OUTPUT if missing else FailureType.DIFF_MISMATCH
        code = FailureCode.MISSING_OUTPUT if missing else FailureCode.OUTPUT_DIFF
        yield Failure(test.regression_id, test.sample_id, kind, code, report.exit_code, wanted, output.output_id)


def failures_in(judged: Iterable[JudgedTest]) -> tuple[Failure, ...]:
    """The failures of all these tests, in their order."""
    return tuple(failure for test in judged for failure in failures_of(test))
