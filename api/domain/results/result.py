"""The verdict of a regression test in a run, and the status of each of its outputs."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from api.domain.results.exit_code import normalized
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest, ExpectedTests
from api.domain.runs.run import Phase

DUMMY_HASH = "error"


class Verdict(StrEnum):
    """The contract's states of a regression test in a run."""

    PASS = "pass"
    FAIL = "fail"
    MISSING_OUTPUT = "missing_output"
    SKIPPED = "skipped"
    RUNNING = "running"
    NOT_STARTED = "not_started"

    @property
    def is_failure(self) -> bool:
        """Whether the test ran and was found wanting."""
        return self in (Verdict.FAIL, Verdict.MISSING_OUTPUT)

    @property
    def has_result(self) -> bool:
        """Whether the test ran to an end."""
        return self is Verdict.PASS or self.is_failure


class OutputStatus(StrEnum):
    """The contract's states of one output of a regression test in a run."""

    MATCH = "match"
    DIFF_MISMATCH = "diff_mismatch"
    MISSING_OUTPUT = "missing_output"
    MISSING_EXPECTED = "missing_expected"

    @property
    def is_failure(self) -> bool:
        """Whether a test fails by it: what there is no baseline for may be proposed as one, and fails nothing."""
        return self in (OutputStatus.DIFF_MISMATCH, OutputStatus.MISSING_OUTPUT)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker reported when a regression test ended. `runtime_ms` is in milliseconds, exit codes are signed 32 bits."""

    regression_id: int
    exit_code: int | None
    runtime_ms: int | None
    expected_exit_code: int | None = None

    @property
    def ending(self) -> int | None:
        """The exit code in the form in which it is compared; None where none was reported."""
        return None if self.exit_code is None else normalized(self.exit_code, self.runtime_ms)


@dataclass(frozen=True, slots=True)
class OutputReport:
    """What a worker reported of one output: `got` None means that it matched, else it is the hash of what was produced."""

    regression_id: int
    output_id: int
    got: str | None
    expected: str = ""


@dataclass(frozen=True, slots=True)
class TestReports:
    """Everything that was reported of one regression test in a run."""

    __test__ = False

    report: Report | None = None
    outputs: Mapping[int, OutputReport] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many reports these are."""
        return (self.report is not None) + len(self.outputs)


NOTHING_REPORTED = TestReports()


def merged(first: Mapping[int, TestReports], later: Mapping[int, TestReports]) -> dict[int, TestReports]:
    """The reports of both, by regression id; of those that both have, the first stand."""
    both = {**later, **first}
    for regression_id in first.keys() & later.keys():
        one, other = first[regression_id], later[regression_id]
        both[regression_id] = TestReports(one.report or other.report, {**other.outputs, **one.outputs})
    return both


@dataclass(frozen=True, slots=True)
class JudgedTest:
    """A regression test of a run's expected set, what was reported of it, and its verdict."""

    test: ExpectedTest
    reports: TestReports
    verdict: Verdict


def expected_exit_code(test: ExpectedTest, report: Report) -> int:
    """The exit code that counts as success: the one recorded with the report, else the frozen one."""
    return test.expected_exit_code if report.expected_exit_code is None else report.expected_exit_code


def ended_as_expected(test: ExpectedTest, report: Report) -> bool:
    """Whether the program ended as it was to, whatever kind of worker tells of it."""
    return report.ending == normalized(expected_exit_code(test, report), report.runtime_ms)


def output_status(output: ExpectedOutput, reported: OutputReport | None) -> OutputStatus:
    """How one output fared, once its test has reported.

    No row, or the dummy row of old code (`got` = 'error'), is a missing output; a row without a hash is a match. Without a
    baseline nothing is expected, neither what came nor that anything comes.
    """
    is_missing = reported is None or reported.got == DUMMY_HASH
    if reported is not None and not is_missing and (reported.got is None or output.accepts(reported.got)):
        return OutputStatus.MATCH
    if not output.has_baseline:
        return OutputStatus.MISSING_EXPECTED
    return OutputStatus.MISSING_OUTPUT if is_missing else OutputStatus.DIFF_MISMATCH


def produced_hash(output: ExpectedOutput, reported: OutputReport | None) -> str | None:
    """The hash (lower case) of the file that was produced; None where none was."""
    if reported is None or reported.got == DUMMY_HASH:
        return None
    return (output.baseline if reported.got is None else reported.got).lower()


def differing_hash(output: ExpectedOutput, reported: OutputReport | None) -> str | None:
    """The hash of a produced file that is not the baseline's, an acceptable variant's too; None for the baseline's, or for no file."""
    produced = produced_hash(output, reported)
    return None if produced == output.baseline.lower() else produced


def verdict_of(test: ExpectedTest, reports: TestReports, phase: Phase | None) -> Verdict:
    """The verdict of a regression test, first that applies: missing output, failure, pass; without a result by the run's phase."""
    report = reports.report
    if report is None:
        return _verdict_without_report(reports, phase)
    statuses = {output_status(output, reports.outputs.get(output.output_id)) for output in test.required_outputs}
    if OutputStatus.MISSING_OUTPUT in statuses:
        return Verdict.MISSING_OUTPUT
    if not ended_as_expected(test, report) or any(status.is_failure for status in statuses):
        return Verdict.FAIL
    return Verdict.PASS


def _verdict_without_report(reports: TestReports, phase: Phase | None) -> Verdict:
    if phase is not None and phase.is_finished:
        return Verdict.SKIPPED
    if phase is Phase.TESTING and reports.outputs:
        return Verdict.RUNNING
    return Verdict.NOT_STARTED


def judge(expected: ExpectedTests, reports: Mapping[int, TestReports], phase: Phase | None) -> tuple[JudgedTest, ...]:
    """Every test of the expected set with its verdict, in the set's order; reports of other tests are ignored."""
    return tuple(_judged(test, reports.get(test.regression_id, NOTHING_REPORTED), phase) for test in expected.tests)


def _judged(test: ExpectedTest, reports: TestReports, phase: Phase | None) -> JudgedTest:
    return JudgedTest(test, reports, verdict_of(test, reports, phase))
