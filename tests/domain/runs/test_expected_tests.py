"""What a run is to execute, frozen: equal sets have equal texts, and a text is read back as it was."""
from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.runs.expected_tests import NO_CATEGORY, ExpectedOutput, ExpectedTest, ExpectedTests, parse_expected_tests
from tests.domain.results.judging import BASELINE, OTHER, VARIANT, expected_output, expected_test

words = st.text(max_size=8)
hashes = st.sampled_from([BASELINE, OTHER, VARIANT, ""])
outputs = st.lists(
    st.builds(ExpectedOutput, st.integers(1, 9), hashes, words, words, st.booleans(), st.lists(hashes, max_size=2).map(tuple)),
    max_size=2, unique_by=lambda output: output.output_id)
expected_tests = st.lists(
    st.builds(
        ExpectedTest, st.integers(1, 30), st.integers(1, 9), words, words, words, words, words, st.integers(-2**31, 2**31 - 1),
        st.lists(words, max_size=2).map(tuple), outputs.map(tuple)),
    max_size=4, unique_by=lambda test: test.regression_id)


@settings(max_examples=40)
@given(expected_tests)
def test_a_set_is_read_back_as_it_was_written(tests: list[ExpectedTest]) -> None:
    frozen = ExpectedTests.of(tests)

    assert parse_expected_tests(frozen.serialized()) == frozen
    assert frozen.serialized().isascii()


@settings(max_examples=40)
@given(expected_tests, st.randoms(use_true_random=False))
def test_the_order_in_which_tests_are_found_changes_no_digest(tests: list[ExpectedTest], chance: Random) -> None:
    shuffled = ExpectedTests.of(chance.sample(tests, len(tests)))

    assert shuffled.digest == ExpectedTests.of(tests).digest
    assert list(shuffled.regression_ids) == sorted(test.regression_id for test in tests)


def test_every_change_of_a_test_changes_the_digest() -> None:
    test = expected_test()
    changed = [
        test, replace(test, regression_id=2), replace(test, sample_id=8), replace(test, command="--out=ttxt"),
        replace(test, expected_exit_code=10),
        replace(test, categories=()), replace(test, outputs=()), expected_test(1, expected_output(ignored=True)),
        expected_test(1, expected_output(baseline=OTHER)), expected_test(1, replace(expected_output(), acceptable=()))]

    assert len({ExpectedTests.of([each]).digest for each in changed}) == len(changed)


@given(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 8)))
def test_a_part_of_a_set_has_the_tests_that_are_in_both(ids: set[int], wanted: set[int]) -> None:
    part = ExpectedTests.of(map(expected_test, ids)).only(wanted)

    assert part.regression_ids == tuple(sorted(ids & wanted))
    assert dict(part.by_id) == {number: expected_test(number) for number in ids & wanted}


def test_recorded_baselines_take_the_place_of_todays() -> None:
    frozen = ExpectedTests.of([expected_test(1), expected_test(2, expected_output(5), expected_output(6))])

    past = frozen.with_baselines({(1, 5): BASELINE, (2, 6): OTHER, (2, 5): "", (3, 5): OTHER})

    assert [[output.baseline for output in test.outputs] for test in past.tests] == [[BASELINE], [BASELINE, OTHER]]
    assert past.tests[0] is frozen.tests[0]
    assert past.digest != frozen.digest


def test_a_test_is_shown_under_its_first_category() -> None:
    assert expected_test().category == "DVB"
    assert replace(expected_test(), categories=()).category == NO_CATEGORY


def test_an_output_is_found_by_its_id() -> None:
    test = expected_test(1, expected_output(5), expected_output(6, ignored=True))

    assert test.output(6) == expected_output(6, ignored=True)
    assert test.output(7) is None
    assert test.required_outputs == (expected_output(5),)


def test_a_hash_is_accepted_in_any_case_and_nothing_is_no_hash() -> None:
    output = expected_output()

    assert output.accepts(BASELINE.upper()) and output.accepts(VARIANT.upper())
    assert not output.accepts(OTHER) and not output.accepts("")
