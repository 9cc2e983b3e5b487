"""Comparing two runs test by test."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.compare import Bucket, Compared, compare
from api.domain.results.result import JudgedTest, OutputReport, Report, TestReports, Verdict, verdict_of
from api.domain.runs.expected_tests import ExpectedOutput, ExpectedTest
from api.domain.runs.run import Phase

GOOD, BAD, WORSE = "a" * 64, "b" * 64, "c" * 64


def judged(
    regression_id: int = 1, *, exit_code: int | None = 0, got: str | None = None, produced: bool = True, baseline: str = GOOD,
    acceptable: tuple[str, ...] = (),
) -> JudgedTest:
    """A test in a finished run; `exit_code` None means that it never reported."""
    outputs_of_test = (ExpectedOutput(5, baseline, ".srt", "", False, acceptable),)
    test = ExpectedTest(regression_id, 7, "sha", ".ts", "--out=srt", "file", "file", 0, ("DVB",), outputs_of_test)
    outputs = {5: OutputReport(regression_id, 5, got, GOOD)} if produced else {}
    reports = TestReports(None if exit_code is None else Report(regression_id, exit_code, 10, 0), outputs)
    return JudgedTest(test, reports, verdict_of(test, reports, Phase.COMPLETED))


@pytest.mark.parametrize(("base", "run", "bucket"), [
    (judged(), judged(), Bucket.PASSING),
    (judged(got=BAD), judged(), Bucket.FIXED),
    (judged(), judged(got=BAD), Bucket.BROKEN),
    (judged(), judged(produced=False), Bucket.BROKEN),
    (judged(got=BAD), judged(got=BAD), Bucket.FAILING_SAME),
    (judged(got=BAD), judged(got=WORSE), Bucket.FAILING_DIFFERENTLY),
    (judged(exit_code=3), judged(exit_code=3), Bucket.FAILING_SAME),
    (judged(exit_code=3), judged(exit_code=4), Bucket.FAILING_DIFFERENTLY),
    (judged(exit_code=-11), judged(exit_code=3), Bucket.FAILING_DIFFERENTLY),
    (judged(produced=False), judged(produced=False), Bucket.FAILING_SAME),
    (judged(produced=False), judged(got="error"), Bucket.FAILING_SAME),
    (judged(got=BAD), judged(got=BAD.upper()), Bucket.FAILING_SAME),
    (judged(produced=False), judged(got=BAD), Bucket.FAILING_DIFFERENTLY),
    (judged(got=BAD), judged(baseline=BAD), Bucket.REBASELINED),
    (judged(baseline=BAD), judged(got=BAD.upper()), Bucket.REBASELINED),
    (judged(got=BAD), judged(got=BAD, acceptable=(BAD,)), Bucket.REBASELINED),
    (judged(got=BAD), judged(baseline=WORSE), Bucket.FIXED),
    (judged(got=BAD), judged(baseline=BAD, exit_code=3), Bucket.FAILING_DIFFERENTLY),
    (judged(baseline=BAD), judged(got=WORSE), Bucket.BROKEN),
    (judged(exit_code=None), judged(), Bucket.NOT_COMPARABLE),
    (judged(), judged(exit_code=None), Bucket.NOT_COMPARABLE),
])
def test_a_test_is_in_the_bucket_of_what_became_of_it(base: JudgedTest, run: JudgedTest, bucket: Bucket) -> None:
    assert [each.bucket for each in compare([base], [run])] == [bucket]


def test_a_test_of_one_run_alone_is_not_comparable() -> None:
    compared = compare([judged(1)], [judged(2)])

    assert [(each.regression_id, each.bucket) for each in compared] == [(1, Bucket.NOT_COMPARABLE), (2, Bucket.NOT_COMPARABLE)]
    assert [each.either.test.regression_id for each in compared] == [1, 2]


@pytest.mark.parametrize("run", [None, GOOD, "error"])
def test_the_evidence_is_the_hashes_of_what_failed_on_either_side(run: str | None) -> None:
    outputs = compare([judged(got=BAD)], [judged(got=run)])[0].outputs

    assert [(each.output_id, each.base_expected, each.base_actual, each.run_actual) for each in outputs] == [(5, GOOD, BAD, None)]


TESTS = st.lists(
    st.builds(judged, st.integers(1, 8), exit_code=st.sampled_from([0, 3, -11, None]), got=st.sampled_from([None, BAD, WORSE]),
              produced=st.booleans()),
    max_size=8, unique_by=lambda test: test.test.regression_id)


@given(TESTS, TESTS)
def test_each_test_is_in_exactly_one_bucket_and_no_verdict_changes(base: list[JudgedTest], run: list[JudgedTest]) -> None:
    compared = compare(base, run)

    ids = [each.regression_id for each in compared]
    assert ids == sorted({test.test.regression_id for test in base + run})
    assert [each.run for each in compared if each.run] == sorted(run, key=lambda test: test.test.regression_id)
    assert all(_agrees(each) for each in compared)


def _agrees(each: Compared) -> bool:
    fails = [side is not None and side.verdict.is_failure for side in (each.base, each.run)]
    passes = [side is not None and side.verdict is Verdict.PASS for side in (each.base, each.run)]
    return {
        Bucket.FIXED: fails[0] and passes[1], Bucket.BROKEN: passes[0] and fails[1], Bucket.PASSING: all(passes),
        Bucket.FAILING_SAME: all(fails), Bucket.FAILING_DIFFERENTLY: all(fails),
        Bucket.NOT_COMPARABLE: not all(fail or passed for fail, passed in zip(fails, passes, strict=True))}[each.bucket]
