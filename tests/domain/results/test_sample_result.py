"""Results of a run: which are listed, and what is shown of them."""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.domain.catalog.sample import SampleLabel
from api.domain.results.result import OutputStatus, Verdict
from api.domain.results.sample_result import (
    RunSampleFilter,
    ShownOutput,
    categories_of,
    result_message,
    select_tests,
    shown_outputs,
)
from api.domain.runs.run import Phase
from tests.domain.results.judged_tests import BASELINE, OTHER, VARIANT, judged, make_output, make_test


def test_categories_are_shown_by_name_and_never_none() -> None:
    assert categories_of(make_test(categories=["Teletext", "DVB"])) == ("DVB", "Teletext")
    assert categories_of(make_test()) == ("uncategorized",)


def test_a_result_of_a_sample_that_is_gone_has_no_name_and_no_tags() -> None:
    tests = [judged(make_test())]

    assert select_tests(tests, RunSampleFilter(name="a"), {}) == ()
    assert select_tests(tests, RunSampleFilter(tag="hd"), {}) == ()
    assert select_tests(tests, RunSampleFilter(), {}) == tuple(tests)


def test_everything_that_is_asked_must_hold() -> None:
    tests = [judged(make_test(1, 1, categories=["DVB"])), judged(make_test(2, 2), exit_code=1)]
    labels = {1: SampleLabel("One.ts", ("hd",)), 2: SampleLabel("one.ts", ("hd", "sd"))}

    def found(**wanted: str) -> list[int]:
        narrowed = RunSampleFilter(Verdict(wanted.pop("status")) if "status" in wanted else None, **wanted)
        return [test.test.regression_id for test in select_tests(tests, narrowed, labels)]

    assert found(name="ONE", tag="HD") == [1, 2]
    assert found(name="ONE", tag="SD") == found(status="fail") == found(category="Uncategorized") == [2]
    assert found(category="dvb") == [1]
    assert found(category="dvb", tag="sd") == []


def test_outputs_tell_what_was_got_only_where_it_is_not_the_baseline() -> None:
    test = make_test(outputs=[make_output(number) for number in (3, 1, 2, 4)])

    shown = shown_outputs(judged(test, got={1: None, 2: VARIANT, 3: OTHER, 4: "error"}))

    assert [(each.output_id, each.status, each.expected_hash, each.actual_hash) for each in shown] == [
        (1, OutputStatus.MATCH, BASELINE, None), (2, OutputStatus.MATCH, BASELINE, VARIANT),
        (3, OutputStatus.DIFF_MISMATCH, BASELINE, OTHER), (4, OutputStatus.MISSING_OUTPUT, BASELINE, None)]


def test_nothing_is_missing_before_the_end() -> None:
    test = make_test(outputs=[make_output(1), make_output(2), make_output(3)])

    shown = shown_outputs(judged(test, got={1: OTHER, 2: "error"}, ended=False, phase=Phase.TESTING))

    assert [(each.output_id, each.status) for each in shown] == [(1, OutputStatus.DIFF_MISMATCH)]


@given(st.integers(-300, 300), st.dictionaries(st.integers(1, 3), st.sampled_from([None, OTHER, VARIANT, "error"])), st.booleans())
def test_there_is_a_message_exactly_where_a_test_failed(exit_code: int, got: dict[int, str | None], ended: bool) -> None:
    test = make_test(outputs=[make_output(number) for number in (1, 2, 3)])

    found = judged(test, exit_code=exit_code, got=got, ended=ended)

    assert (result_message(found) is not None) == found.verdict.is_failure


def test_what_was_produced_without_a_baseline_may_become_the_first_one() -> None:
    assert ShownOutput(81, OutputStatus.MISSING_EXPECTED, "", OTHER).is_proposed
    assert not ShownOutput(81, OutputStatus.MISSING_EXPECTED, "", None).is_proposed
    assert not ShownOutput(81, OutputStatus.DIFF_MISMATCH, BASELINE, OTHER).is_proposed
