"""Why regression tests failed."""
from __future__ import annotations

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.exit_code import TIME_LIMIT_EXIT_CODE
from api.domain.results.failure import crash_code, ending_of, failures_in, failures_of, hit_limit
from api.domain.results.failure_code import Attribution, FailureCode, FailureType, Severity
from api.domain.results.result import Report
from tests.domain.results.judging import OTHER, expected_output, expected_test, judged, reported

TEST = expected_test()


# How each signal that ends a process is counted; those that are not here stop a process, let it go on, or tell it something.
SIGNALS = {
    1: "SIGNAL", 2: "SIGNAL", 3: "SIGNAL", 4: "CRASH", 5: "CRASH", 6: "ABORT", 7: "CRASH", 8: "CRASH", 9: "MEMORY_LIMIT", 10: "SIGNAL",
    11: "SEGFAULT", 12: "SIGNAL", 13: "SIGNAL", 14: "SIGNAL", 15: "SIGNAL", 16: "SIGNAL", 24: "TIMEOUT", 25: "SIZE_LIMIT", 26: "SIGNAL",
    27: "SIGNAL", 29: "SIGNAL", 30: "SIGNAL", 31: "CRASH"}
REAL_TIME = range(34, 65)
HARMLESS = (17, 18, 19, 20, 21, 22, 23, 28)


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_a_signal_is_known_by_a_shells_code_for_it(number: int, code: str) -> None:
    assert crash_code(Report(1, 128 + number, 10)) == code


@pytest.mark.parametrize(("number", "code"), [*list(SIGNALS.items())[1:], *((number, "SIGNAL") for number in REAL_TIME)])
def test_a_signal_is_known_by_its_negative_number(number: int, code: str) -> None:
    assert crash_code(Report(1, -number, 10)) == code
    assert crash_code(Report(1, 2**32 - number, 10)) == code


@pytest.mark.parametrize("number", HARMLESS)
def test_a_signal_that_ends_nothing_makes_an_exit_code_no_crash(number: int) -> None:
    assert crash_code(Report(1, -number, 10)) is None
    assert crash_code(Report(1, 128 + number, 10)) is None


@pytest.mark.parametrize(("exit_code", "code"), [
    (0xC0000005, "SEGFAULT"), (0xC0000409, "ABORT"), (0xC0000374, "CRASH"), (0xC00000FD, "SEGFAULT"), (0xC0000094, "CRASH"),
    (0xC000001D, "CRASH"), (0xC0000000, "CRASH"), (0xCFFFFFFF, "CRASH"), (0xC000013A, "SIGNAL"), (0x80000003, "CRASH"),
    (0x40000015, "ABORT"), (0xE06D7363, "CRASH"), (0xBFFFFFFF, None), (0xD0000000, None), (0x80000002, None),
])
def test_a_windows_status_is_known_with_and_without_its_sign(exit_code: int, code: str | None) -> None:
    assert crash_code(Report(1, exit_code, 10)) == code
    assert crash_code(Report(1, exit_code - 2**32, 10)) == code


@pytest.mark.parametrize("runtime_ms", [None, 10, 1000, 600_000, 3_600_000])
def test_the_time_limits_own_code_does_not_depend_on_how_long_the_limit_was(runtime_ms: int | None) -> None:
    assert crash_code(Report(1, TIME_LIMIT_EXIT_CODE, runtime_ms)) is FailureCode.TIMEOUT


@pytest.mark.parametrize(("runtime_ms", "code"), [
    (600_000, FailureCode.TIMEOUT), (600_001, FailureCode.TIMEOUT), (599_999, None), (10, None), (None, None)])
def test_minus_one_is_the_time_limit_of_the_platforms_workers_and_an_exit_code_else(
    runtime_ms: int | None, code: FailureCode | None,
) -> None:
    assert crash_code(Report(1, -1, runtime_ms)) is code


@pytest.mark.parametrize("exit_code", [0, 1, 10, 100, 125, 126, 127, 128, 160, 161, 162, 192, 232, 255, 256, 501, -32, -33, -65, -1000])
def test_other_exit_codes_are_a_programs_own(exit_code: int) -> None:
    assert crash_code(Report(1, exit_code, 600_000)) is None


def test_a_result_without_an_exit_code_tells_nothing() -> None:
    assert crash_code(Report(1, None, None)) is None


def test_a_crash_is_a_test_failure_and_no_exit_code_mismatch_besides() -> None:
    failures = failures_of(judged(TEST, reported(TEST, exit_code=-11, o5=None)))

    assert [(each.code.type, each.code.type.severity, each.code.attribution) for each in failures] == [
        (FailureType.TEST_FAILURE, Severity.CRITICAL, Attribution.REGRESSION)]


@pytest.mark.parametrize(("exit_code", "attribution"), [
    (-9, "infrastructure"), (137, "infrastructure"), (124, "infrastructure"), (-24, "infrastructure"), (152, "infrastructure"),
    (-25, "regression"), (153, "regression"), (-15, "regression"), (139, "regression"), (0xC0000094 - 2**32, "regression")])
def test_limits_of_time_and_memory_are_put_down_to_the_machinery(exit_code: int, attribution: str) -> None:
    failures = failures_of(judged(TEST, reported(TEST, exit_code=exit_code, o5=None)))

    assert [(each.code.type, each.code.type.severity, each.code.attribution) for each in failures] == [
        (FailureType.TEST_FAILURE, Severity.CRITICAL, Attribution(attribution))]


def test_a_wrong_exit_code_is_an_error() -> None:
    failures = failures_of(judged(TEST, reported(TEST, exit_code=3, o5=None)))

    assert [(each.code.type, each.code.type.severity, each.code, each.exit_code) for each in failures] == [
        (FailureType.EXIT_CODE_MISMATCH, Severity.ERROR, FailureCode.EXIT_CODE_MISMATCH, 3)]


def test_each_output_that_is_missing_or_differs_is_a_failure_of_its_own() -> None:
    test = expected_test(1, expected_output(5), expected_output(6), expected_output(7), expected_output(8, ignored=True))

    failures = failures_of(judged(test, reported(test, o5=OTHER, o7=None)))

    assert [(each.code.type, each.code.type.severity, each.output_id) for each in failures] == [
        (FailureType.DIFF_MISMATCH, Severity.WARNING, 5), (FailureType.MISSING_OUTPUT, Severity.ERROR, 6)]


@pytest.mark.parametrize(("exit_code", "code"), [(0, None), (-11, FailureCode.SEGFAULT), (3, FailureCode.EXIT_CODE_MISMATCH)])
def test_how_a_program_ended_is_told_apart_from_its_outputs(exit_code: int, code: FailureCode | None) -> None:
    other = expected_test(2, expected_output(6))
    tests = [judged(other, reported(other, exit_code=124, o6=None)), judged(TEST, reported(TEST, exit_code=exit_code, o5=OTHER))]

    assert ending_of(tests, TEST.regression_id) is code


def test_a_test_that_passed_or_never_ended_has_no_failures() -> None:
    assert failures_in([judged(TEST, reported(TEST, o5=None)), judged(TEST, reported(TEST, exit_code=None))]) == ()


def test_an_expected_crash_is_none() -> None:
    test = expected_test(1, exit_code=139)

    assert failures_of(judged(test, reported(test, exit_code=139, o5=None))) == ()
    assert not hit_limit(expected_test(1, exit_code=124), Report(1, 124, 10))
    assert hit_limit(TEST, Report(1, 124, 10))


@given(st.sampled_from([OTHER, "d" * 64, "e" * 64]))
def test_a_signature_does_not_depend_on_what_was_produced(got: str) -> None:
    assert failures_of(judged(TEST, reported(TEST, o5=got)))[0].signature == "OUTPUT_DIFF:1:5"


def test_each_message_names_what_is_known_of_every_failure() -> None:
    named = {name for code in FailureCode for _, name, _, _ in Formatter().parse(code.message) if name}

    assert named == {"exit_code", "expected_exit_code", "output_id"}


def test_just_what_ended_a_program_is_told_by_an_exit_code() -> None:
    assert all(bool(code.endings) is (code.type is FailureType.TEST_FAILURE) for code in FailureCode)
