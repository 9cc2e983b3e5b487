"""Why regression tests failed."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.failure import (
    Attribution,
    FailureCode,
    FailureType,
    Severity,
    crash_code,
    failures_in,
    failures_of,
    hit_limit,
    signed_32_bits,
)
from api.domain.result import Report
from tests.domain.judging import OTHER, expected_output, expected_test, judged, reported

TEST = expected_test()


@pytest.mark.parametrize(("exit_code", "runtime_ms", "code"), [
    (139, 10, FailureCode.SEGFAULT), (-11, 10, FailureCode.SEGFAULT), (0xC0000005, 10, FailureCode.SEGFAULT),
    (0xC0000005 - 2**32, 10, FailureCode.SEGFAULT), (134, 10, FailureCode.ABORT), (-6, 10, FailureCode.ABORT),
    (137, 10, FailureCode.MEMORY_LIMIT), (-9, 10, FailureCode.MEMORY_LIMIT), (124, 10, FailureCode.TIMEOUT),
    (-1, 600_000, FailureCode.TIMEOUT), (-1, 599_999, None), (-1, 10, None), (1, 600_000, None), (0, 10, None), (10, 10, None),
    (-8, 10, FailureCode.CRASH), (136, 10, FailureCode.CRASH), (-7, 10, FailureCode.CRASH),
])
def test_exit_codes_tell_how_a_process_ended(exit_code: int, runtime_ms: int, code: FailureCode | None) -> None:
    assert crash_code(Report(1, exit_code, runtime_ms)) is code


def test_a_result_without_an_exit_code_tells_nothing() -> None:
    assert crash_code(Report(1, None, None)) is None


def test_a_crash_is_a_test_failure_and_no_exit_code_mismatch_besides() -> None:
    failures = failures_of(judged(TEST, reported(TEST, exit_code=-11, o5=None)))

    assert [(each.type, each.severity, each.attribution) for each in failures] == [
        (FailureType.TEST_FAILURE, Severity.CRITICAL, Attribution.REGRESSION)]


def test_a_limit_is_put_down_to_the_machinery() -> None:
    assert failures_of(judged(TEST, reported(TEST, exit_code=-9, o5=None)))[0].attribution is Attribution.INFRASTRUCTURE


def test_a_wrong_exit_code_is_an_error() -> None:
    failures = failures_of(judged(TEST, reported(TEST, exit_code=3, o5=None)))

    assert [(each.type, each.severity, each.code, each.exit_code) for each in failures] == [
        (FailureType.EXIT_CODE_MISMATCH, Severity.ERROR, FailureCode.EXIT_CODE_MISMATCH, 3)]


def test_each_output_that_is_missing_or_differs_is_a_failure_of_its_own() -> None:
    test = expected_test(1, expected_output(5), expected_output(6), expected_output(7), expected_output(8, ignored=True))

    failures = failures_of(judged(test, reported(test, o5=OTHER, o7=None)))

    assert [(each.type, each.severity, each.output_id) for each in failures] == [
        (FailureType.DIFF_MISMATCH, Severity.WARNING, 5), (FailureType.MISSING_OUTPUT, Severity.ERROR, 6)]


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


@given(st.integers(-2**31, 2**32 - 1))
def test_exit_codes_are_kept_as_signed_32_bits(code: int) -> None:
    kept = signed_32_bits(code)

    assert -2**31 <= kept < 2**31
    assert (kept - code) % 2**32 == 0
