"""Failure codes: a code is one row of one table, and everything else is derived from it."""
from __future__ import annotations

from collections.abc import Container
from enum import StrEnum

from api.domain.results.exit_code import HANGUP_EXIT_CODE, REAL_TIME_SIGNALS, SIGNALS, TIME_LIMIT_EXIT_CODE

# The version of the rules by which finished runs are judged. It grows with every change of what the same evidence comes to, be it of this
# table or of another rule of verdicts, statuses, signatures, counts or infrastructure errors. Verdicts of an older version are made again.
RULES_VERSION = 1


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


class FailureType(StrEnum):
    """The contract's types of a test's errors, each with its severity."""

    severity: Severity

    def __new__(cls, word: str, severity: Severity) -> FailureType:
        """A type as its row says."""
        made = str.__new__(cls, word)
        made._value_, made.severity = word, severity
        return made

    TEST_FAILURE = "test_failure", Severity.CRITICAL
    EXIT_CODE_MISMATCH = "exit_code_mismatch", Severity.ERROR
    MISSING_OUTPUT = "missing_output", Severity.ERROR
    DIFF_MISMATCH = "diff_mismatch", Severity.WARNING


def _signals(*numbers: int) -> frozenset[int]:
    """The normalized exit codes of these signals."""
    return frozenset(-number for number in numbers)


# Windows' NTSTATUS codes of severity "error", stored signed: how it ends a process that crashed.
_NTSTATUS_ERRORS = range(0xC0000000 - 2**32, 0xD0000000 - 2**32)
# A C++ exception that nobody caught, on Windows.
_UNCAUGHT = 0xE06D7363 - 2**32


class FailureCode(StrEnum):
    """A stable word for the kind of a failure, with its type, whom it is put down to, and its message.

    `endings` are the normalized exit codes that tell of it. Of two rows with the same ending, the upper one counts.
    """

    type: FailureType
    attribution: Attribution
    message: str
    endings: tuple[Container[int], ...]

    def __new__(cls, word: str, kind: FailureType, attribution: Attribution, message: str, *endings: Container[int]) -> FailureCode:
        """A code as its row says."""
        made = str.__new__(cls, word)
        made._value_, made.type, made.attribution, made.message, made.endings = word, kind, attribution, message, endings
        return made

    SEGFAULT = (
        "SEGFAULT", FailureType.TEST_FAILURE, Attribution.REGRESSION,
        "The program crashed with a segmentation fault (exit code {exit_code}).", _signals(11))
    ABORT = (
        "ABORT", FailureType.TEST_FAILURE, Attribution.REGRESSION,
        "The program aborted itself (exit code {exit_code}).", _signals(6))
    CRASH = (
        "CRASH", FailureType.TEST_FAILURE, Attribution.REGRESSION,
        "The program crashed (exit code {exit_code}).", _signals(4, 5, 7, 8, 31), {_UNCAUGHT}, _NTSTATUS_ERRORS)
    TIMEOUT = (
        "TIMEOUT", FailureType.TEST_FAILURE, Attribution.INFRASTRUCTURE,
        "The program ran into its time limit (exit code {exit_code}).", _signals(24), {TIME_LIMIT_EXIT_CODE})
    MEMORY_LIMIT = (
        "MEMORY_LIMIT", FailureType.TEST_FAILURE, Attribution.INFRASTRUCTURE,
        "The program was killed, as a memory limit does (exit code {exit_code}).", _signals(9))
    SIZE_LIMIT = (
        "SIZE_LIMIT", FailureType.TEST_FAILURE, Attribution.REGRESSION,
        "The program wrote a file beyond its size limit (exit code {exit_code}).", _signals(25))
    SIGNAL = (
        "SIGNAL", FailureType.TEST_FAILURE, Attribution.REGRESSION,
        "The program was ended by a signal (exit code {exit_code}).", _signals(*SIGNALS, *REAL_TIME_SIGNALS), {HANGUP_EXIT_CODE})
    EXIT_CODE_MISMATCH = (
        "EXIT_CODE_MISMATCH", FailureType.EXIT_CODE_MISMATCH, Attribution.REGRESSION,
        "Exit code {exit_code}, expected {expected_exit_code}.")
    MISSING_OUTPUT = (
        "MISSING_OUTPUT", FailureType.MISSING_OUTPUT, Attribution.REGRESSION, "Output {output_id} was not written.")
    OUTPUT_DIFF = (
        "OUTPUT_DIFF", FailureType.DIFF_MISMATCH, Attribution.REGRESSION, "Output {output_id} differs from its baseline.")
