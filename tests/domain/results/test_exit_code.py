"""One meaning of what a program ended with, whichever worker tells of it."""
from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.domain.results.compare import Bucket, compare
from api.domain.results.exit_code import (
    HANGUP_EXIT_CODE,
    PLATFORM_TIME_LIMIT_MS,
    REAL_TIME_SIGNALS,
    SIGNALS,
    TIME_LIMIT_EXIT_CODE,
    normalized,
    signed_32_bits,
)
from api.domain.results.failure import crash_code, failures_of, hit_limit
from api.domain.results.failure_code import FailureType
from api.domain.results.result import Report, Verdict
from tests.domain.results.judging import expected_test, judged, reported

# Each row is one fault, as workers on Linux tell of it, and on Windows with and without a sign.
FAULTS = {
    "SIGINT": (-2, 130, 0xC000013A), "SIGILL": (-4, 132, 0xC000001D), "SIGTRAP": (-5, 133, 0x80000003),
    "SIGABRT": (-6, 134, 0xC0000409, 0x40000015), "SIGBUS": (-7, 135, 0xC0000006), "SIGFPE": (-8, 136, 0xC0000094, 0xC0000095, 0xC000008E),
    "SIGKILL": (-9, 137), "SIGSEGV": (-11, 139, 0xC0000005, 0xC00000FD), "SIGTERM": (-15, 143), "SIGXCPU": (-24, 152),
}
PAIRS = [pair for codes in FAULTS.values() for one, other in combinations(codes, 2) for pair in ((one, other), (other, one))]
CODES = st.one_of(
    st.sampled_from([code for codes in FAULTS.values() for code in codes]), st.sampled_from([0, 1, 3, 10, 124, 129, -1, -34, 162]),
    st.integers(-2**31, 2**32 - 1))
RUNTIMES = st.sampled_from([None, 0, 10, PLATFORM_TIME_LIMIT_MS - 1, PLATFORM_TIME_LIMIT_MS, PLATFORM_TIME_LIMIT_MS + 1])


@given(st.integers(-2**31, 2**32 - 1))
def test_exit_codes_are_kept_as_signed_32_bits(code: int) -> None:
    kept = signed_32_bits(code)

    assert -2**31 <= kept < 2**31
    assert (kept - code) % 2**32 == 0


@given(CODES, RUNTIMES)
def test_the_normal_form_is_its_own_and_does_not_depend_on_the_sign(code: int, runtime_ms: int | None) -> None:
    form = normalized(code, runtime_ms)

    assert normalized(form, runtime_ms) == form == normalized(signed_32_bits(code), runtime_ms) == normalized(code % 2**32, runtime_ms)
    assert -2**31 <= form < 2**31


@pytest.mark.parametrize("number", sorted(SIGNALS))
def test_a_signals_two_numbers_are_one_code(number: int) -> None:
    assert normalized(-number) == normalized(128 + number) == -number


def test_sighup_and_the_signals_of_real_time_have_one_number_alone() -> None:
    assert (normalized(-1), normalized(HANGUP_EXIT_CODE)) == (-1, HANGUP_EXIT_CODE)
    assert all(normalized(128 + number) != normalized(-number) for number in REAL_TIME_SIGNALS)


@given(st.integers(-2**31, 2**31 - 1), st.sampled_from([None, PLATFORM_TIME_LIMIT_MS - 1]))
def test_every_other_exit_code_is_itself(code: int, runtime_ms: int | None) -> None:
    assume(code not in {signed_32_bits(each) for codes in FAULTS.values() for each in codes} | set(range(130, 160)))
    assume(code % 2**32 not in range(0xC000008D, 0xC0000096))

    assert normalized(code, runtime_ms) == code


@pytest.mark.parametrize(("runtime_ms", "form"), [
    (PLATFORM_TIME_LIMIT_MS, TIME_LIMIT_EXIT_CODE), (PLATFORM_TIME_LIMIT_MS - 1, -1), (None, -1)])
def test_minus_one_at_the_time_limit_is_the_time_limit_and_no_signal(runtime_ms: int | None, form: int) -> None:
    assert normalized(-1, runtime_ms) == normalized(2**32 - 1, runtime_ms) == form


@pytest.mark.parametrize(("expected", "ended"), PAIRS)
def test_a_test_that_is_to_crash_and_does_passes_with_either_worker(expected: int, ended: int) -> None:
    test = expected_test(1, exit_code=expected)
    found = judged(test, reported(test, exit_code=ended, o5=None))

    assert (found.verdict, failures_of(found)) == (Verdict.PASS, ())
    assert not hit_limit(test, Report(1, ended, 10))


@pytest.mark.parametrize(("expected", "ended"), PAIRS)
def test_the_code_that_is_recorded_with_a_result_is_compared_alike(expected: int, ended: int) -> None:
    test = expected_test(1)

    assert judged(test, reported(test, exit_code=ended, recorded_code=expected, o5=None)).verdict is Verdict.PASS


def test_a_time_limit_that_is_expected_is_one_code_for_both_kinds_of_workers() -> None:
    test = expected_test(1, exit_code=-1)
    theirs = reported(test, exit_code=-1, runtime_ms=PLATFORM_TIME_LIMIT_MS, o5=None)
    ours = reported(test, exit_code=TIME_LIMIT_EXIT_CODE, runtime_ms=PLATFORM_TIME_LIMIT_MS, o5=None)

    assert [judged(test, each).verdict for each in (theirs, ours)] == [Verdict.PASS, Verdict.PASS]


def test_another_fault_than_the_expected_one_is_a_crash_and_an_ordinary_end_a_wrong_exit_code() -> None:
    test = expected_test(1, exit_code=139)

    kinds = [failures_of(judged(test, reported(test, exit_code=code, o5=None)))[0].code.type for code in (-6, 0xC0000409, 0, 3)]

    assert kinds == [FailureType.TEST_FAILURE] * 2 + [FailureType.EXIT_CODE_MISMATCH] * 2


@pytest.mark.parametrize(("base", "run"), PAIRS)
def test_two_runs_that_end_by_one_fault_show_no_change(base: int, run: int) -> None:
    test = expected_test(1)
    sides = [judged(test, reported(test, exit_code=code, o5=None)) for code in (base, run)]

    assert compare(sides[:1], sides[1:])[0].bucket is Bucket.FAILING_SAME
    assert len({failures_of(side)[0].signature for side in sides}) == 1


def test_two_runs_that_ran_into_the_time_limit_show_no_change() -> None:
    test = expected_test(1)
    theirs = judged(test, reported(test, exit_code=-1, runtime_ms=PLATFORM_TIME_LIMIT_MS, o5=None))
    ours = judged(test, reported(test, exit_code=TIME_LIMIT_EXIT_CODE, runtime_ms=5000, o5=None))

    assert compare([theirs], [ours])[0].bucket is Bucket.FAILING_SAME


@given(CODES, CODES, RUNTIMES)
def test_what_is_one_code_is_one_kind_of_failure(one: int, other: int, runtime_ms: int | None) -> None:
    reports = [Report(1, code, runtime_ms) for code in (one, other)]

    assert reports[0].ending != reports[1].ending or crash_code(reports[0]) is crash_code(reports[1])
