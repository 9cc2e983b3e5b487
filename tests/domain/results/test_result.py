"""The verdict of a regression test, and of each of its outputs."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.results.failure import failures_of
from api.domain.results.result import OutputReport, OutputStatus, Report, TestReports, Verdict, judge, merged, output_status, verdict_of
from api.domain.runs.expected_tests import ExpectedTests
from api.domain.runs.run import Phase
from tests.domain.results.judging import BASELINE, OTHER, VARIANT, expected_output, expected_test, judged, reported

TEST = expected_test()


@pytest.mark.parametrize(("reports", "verdict"), [
    (reported(TEST, o5=None), Verdict.PASS),
    (reported(TEST, o5=BASELINE), Verdict.PASS),
    (reported(TEST, o5=BASELINE.upper()), Verdict.PASS),
    (reported(TEST, o5=VARIANT), Verdict.PASS),
    (reported(TEST, o5=OTHER), Verdict.FAIL),
    (reported(TEST, o5=None, exit_code=1), Verdict.FAIL),
    (reported(TEST), Verdict.MISSING_OUTPUT),
    (reported(TEST, o5="error"), Verdict.MISSING_OUTPUT),
    (reported(TEST, exit_code=139), Verdict.MISSING_OUTPUT),
    (reported(TEST, o5=None, exit_code=1, recorded_code=1), Verdict.PASS),
])
def test_a_test_that_ended_is_judged_by_its_outputs_and_its_exit_code(reports: TestReports, verdict: Verdict) -> None:
    assert verdict_of(TEST, reports, Phase.COMPLETED) is verdict


@pytest.mark.parametrize(("phase", "outputs", "verdict"), [
    (Phase.COMPLETED, {}, Verdict.SKIPPED), (Phase.CANCELED, {"o5": None}, Verdict.SKIPPED),
    (Phase.TESTING, {"o5": None}, Verdict.RUNNING), (Phase.TESTING, {}, Verdict.NOT_STARTED),
    (Phase.PREPARATION, {"o5": None}, Verdict.NOT_STARTED), (None, {}, Verdict.NOT_STARTED),
])
def test_a_test_that_did_not_end_is_judged_by_where_its_run_is(
    phase: Phase | None, outputs: dict[str, str | None], verdict: Verdict,
) -> None:
    assert verdict_of(TEST, reported(TEST, exit_code=None, **outputs), phase) is verdict


def test_an_ignored_output_counts_for_nothing() -> None:
    test = expected_test(1, expected_output(5), expected_output(6, ignored=True))

    assert verdict_of(test, reported(test, o5=None), Phase.COMPLETED) is Verdict.PASS
    assert verdict_of(test, reported(test, o5=None, o6=OTHER), Phase.COMPLETED) is Verdict.PASS


def test_a_test_without_outputs_passes_by_its_exit_code() -> None:
    test = expected_test(1, expected_output(6, ignored=True), exit_code=10)

    assert verdict_of(test, reported(test, exit_code=10), Phase.COMPLETED) is Verdict.PASS


def test_an_output_without_a_baseline_has_nothing_to_be_compared_with() -> None:
    output = expected_output(5, baseline="")

    assert output_status(output, OutputReport(1, 5, OTHER)) is OutputStatus.MISSING_EXPECTED
    assert output_status(output, OutputReport(1, 5, None)) is OutputStatus.MATCH
    assert output_status(output, OutputReport(1, 5, VARIANT)) is OutputStatus.MATCH


OF_NO_BASELINE = st.sampled_from([None, OTHER, VARIANT, "error"])


@pytest.mark.parametrize("baseline", ["", " "])
@given(OF_NO_BASELINE, OF_NO_BASELINE, st.booleans(), st.sampled_from([0, 3, 139]))
def test_an_output_without_a_baseline_fails_nothing_whatever_comes(
    baseline: str, other: str | None, without: str | None, is_reported: bool, exit_code: int,
) -> None:
    test = expected_test(1, expected_output(5), expected_output(6, baseline=baseline))
    alone = expected_test(1, expected_output(5))

    reports = reported(test, exit_code=exit_code, o5=other, **({"o6": without} if is_reported else {}))

    found, rest = judged(test, reports), judged(alone, reports)
    assert (found.verdict, failures_of(found)) == (rest.verdict, failures_of(rest))
    assert output_status(test.outputs[1], reports.outputs.get(6)) in (OutputStatus.MATCH, OutputStatus.MISSING_EXPECTED)


def test_reports_outside_the_set_are_ignored() -> None:
    expected = ExpectedTests.of([TEST])

    judged = judge(expected, {1: reported(TEST, o5=None), 99: TestReports(Report(99, 1, 1))}, Phase.COMPLETED)

    assert [(each.test.regression_id, each.verdict) for each in judged] == [(1, Verdict.PASS)]


HASHES = st.none() | st.sampled_from([BASELINE, OTHER, VARIANT, "error"])


@given(st.none() | st.integers(-3, 3), st.dictionaries(st.sampled_from(["o5", "o6"]), HASHES), st.none() | st.sampled_from(Phase))
def test_exactly_the_tests_that_ended_pass_or_fail(exit_code: int | None, outputs: dict[str, str | None], phase: Phase | None) -> None:
    test = expected_test(1, expected_output(5), expected_output(6))
    verdict = verdict_of(test, reported(test, exit_code=exit_code, **outputs), phase)

    assert (verdict in (Verdict.PASS, Verdict.FAIL, Verdict.MISSING_OUTPUT)) is (exit_code is not None)
    assert verdict.is_failure is (verdict in (Verdict.FAIL, Verdict.MISSING_OUTPUT))


ends = st.none() | st.builds(Report, st.just(1), st.integers(0, 3), st.integers(0, 3))
got = st.sampled_from([None, OTHER])
outputs_of_a_test = st.dictionaries(st.integers(1, 3), st.builds(OutputReport, st.just(1), st.integers(1, 3), got))
reports_of_tests = st.dictionaries(st.integers(1, 3), st.builds(TestReports, ends, outputs_of_a_test))


@given(reports_of_tests, reports_of_tests)
def test_of_two_reports_of_the_same_the_first_stands(first: dict[int, TestReports], later: dict[int, TestReports]) -> None:
    both = merged(first, later)

    assert both.keys() == first.keys() | later.keys()
    for regression_id, found in both.items():
        one, other = first.get(regression_id, TestReports()), later.get(regression_id, TestReports())
        assert found.report == (one.report if one.report is not None else other.report)
        assert found.outputs == {**other.outputs, **one.outputs}
        assert found.count == (found.report is not None) + len(one.outputs.keys() | other.outputs.keys())
