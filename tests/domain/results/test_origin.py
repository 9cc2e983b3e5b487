"""Where a failure comes from."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.base_run import Line, PastRun
from api.domain.results.compare import Bucket
from api.domain.results.origin import FailingSince, Origin, PastResult, failing_since, origin_of
from api.domain.results.result import JudgedTest, Report, Verdict
from tests.domain.results.judged_tests import OTHER, VARIANT, judged, make_output, make_test

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = PastRun(9, "c9", START)
PAST = [PastRun(number, f"c{number}", START) for number in range(8, 0, -1)]
WORSE = "d" * 64
TEST = judged(make_test(), got={1: OTHER})


def failed(got: str | None = OTHER, *, exit_code: int = 0) -> PastResult:
    """A result that failed with this output, or with none."""
    return PastResult(Verdict.FAIL, Report(42, exit_code, 10), {} if got is None else {1: got})


PASSED, SKIPPED, UNKNOWN = PastResult(Verdict.PASS), PastResult(Verdict.SKIPPED), PastResult(Verdict.FAIL)


@pytest.mark.parametrize(("results", "run_id", "at_least"), [
    ({8: PASSED}, 9, False),
    ({8: failed(), 7: UNKNOWN, 6: PASSED, 5: failed()}, 7, False),
    ({8: failed(), 7: SKIPPED, 5: failed(OTHER.upper()), 4: PASSED}, 5, False),
    ({}, 9, True),
    ({each: failed() for each in range(1, 9)}, 1, True),
    ({8: failed(WORSE), 7: failed(WORSE), 6: PASSED}, 9, False),
    ({8: failed(), 7: failed(WORSE), 6: PASSED}, 8, False),
    ({8: failed(), 7: failed(WORSE), 6: failed(), 5: failed(WORSE), 4: PASSED}, 6, False),
    ({8: failed(), 7: failed(WORSE)}, 8, False),
    ({8: failed(exit_code=1), 7: PASSED}, 9, False),
    ({8: failed(None), 7: PASSED}, 9, False),
    ({8: failed(), 7: failed(VARIANT), 6: failed()}, 8, False),
    ({8: failed(), 7: failed(VARIANT, exit_code=1), 6: failed()}, 6, True),
    ({8: failed(), 7: PastResult(Verdict.FAIL, Report(42, 0, 10), {1: None}), 6: PASSED}, 8, False),
])
def test_a_test_fails_since_the_newest_step_of_the_row_unless_its_output_came_before(
    results: dict[int, PastResult], run_id: int, at_least: bool,
) -> None:
    since = failing_since(PAST, results, NOW, TEST)

    assert (since.run.run_id, since.at_least, since.is_assumed) == (run_id, at_least, False)


def test_a_test_without_an_output_fails_since_it_came_without_one() -> None:
    nothing = judged(make_test(), got={})

    assert failing_since(PAST, {8: failed(None), 7: failed(OTHER), 6: PASSED}, NOW, nothing).run.run_id == 8


def test_a_crash_is_one_in_whatever_form_it_is_told() -> None:
    crashed = judged(make_test(outputs=[make_output(ignored=True)]), exit_code=-11)

    assert failing_since(PAST, {8: failed(None, exit_code=139), 7: PASSED}, NOW, crashed).run.run_id == 8


def test_an_order_that_is_assumed_is_said_to_be() -> None:
    assumed = [PastRun(8, "c8", START), PastRun(7, "c7", START, is_assumed=True)]

    assert failing_since(assumed, {8: failed(), 7: PASSED}, NOW, TEST).is_assumed
    assert not failing_since(assumed, {8: PASSED, 7: PASSED}, NOW, TEST).is_assumed


RESULTS = st.dictionaries(st.integers(1, 8), st.sampled_from([
    PASSED, SKIPPED, UNKNOWN, failed(), failed(WORSE), failed(None), failed(VARIANT)]))


@given(RESULTS)
def test_a_test_fails_since_a_run_of_the_unbroken_row_in_which_it_failed_so(results: dict[int, PastResult]) -> None:
    since = failing_since(PAST, results, NOW, TEST)

    between = [results[number] for number in range(since.run.run_id, 9) if number in results]
    assert PASSED not in between and failed(VARIANT) not in between
    assert since.run is NOW or results[since.run.run_id] in (UNKNOWN, failed())


OWN, BASE = PastRun(8, "c8", START, is_own=True), PastRun(7, "c7", START)
LINE = Line((OWN, BASE))


@pytest.mark.parametrize(("bucket", "since", "untested", "origin"), [
    (Bucket.BROKEN, NOW, (), Origin.MINE),
    (Bucket.BROKEN, OWN, (), Origin.MINE),
    (Bucket.FAILING_DIFFERENTLY, NOW, (), Origin.MINE),
    (Bucket.FAILING_DIFFERENTLY, BASE, (), Origin.IMPROVED),
    (Bucket.FAILING_DIFFERENTLY, BASE, ("c",), Origin.IMPROVED),
    (Bucket.BROKEN, NOW, ("c",), Origin.UNKNOWN),
    (Bucket.NOT_COMPARABLE, NOW, (), Origin.UNKNOWN),
    (Bucket.FAILING_SAME, BASE, ("c",), Origin.NOT_MINE),
    (Bucket.REBASELINED, NOW, ("c",), Origin.REBASELINED),
])
def test_a_change_is_blamed_for_what_came_with_it_alone(
    bucket: Bucket, since: PastRun, untested: tuple[str, ...], origin: Origin,
) -> None:
    assert origin_of(bucket, FailingSince(since, at_least=False), LINE, untested) is origin


def test_the_test_of_these_examples_fails() -> None:
    assert isinstance(TEST, JudgedTest) and TEST.verdict is Verdict.FAIL
