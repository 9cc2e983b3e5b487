"""What a test came to, and how two results differ."""
from __future__ import annotations

from dataclasses import replace

import pytest

from api.domain.captions.fact import Fact
from api.domain.causes.came import UNREAD, Came, Pair, came_of, ending_code, facts_between, pairs_between, subject_of
from api.domain.results.failure_code import FailureCode
from tests.domain.causes.outcomes import GOOD, OUTPUT, SEGFAULT, came, known, subject
from tests.domain.results.judged_tests import BASELINE, OTHER, VARIANT, judged, make_output, make_test


def test_what_a_test_came_to_is_its_ending_and_the_hashes_of_its_required_outputs() -> None:
    test = make_test(outputs=[make_output(1), make_output(2), make_output(3), make_output(4, ignored=True)])

    found = came_of(judged(test, exit_code=139, got={1: None, 2: OTHER.upper(), 4: OTHER}))

    assert found == Came(-11, {1: BASELINE, 2: OTHER, 3: None})


def test_a_test_without_a_report_has_no_ending() -> None:
    found = subject_of(judged(make_test(expected_exit_code=3), ended=False))

    assert (found.came.ending, found.wanted_ending, found.regression_id) == (None, 3, 42)


@pytest.mark.parametrize(("digest", "ending", "is_accepted"), [
    (BASELINE, 0, True), (VARIANT, 0, True), (OTHER, 0, False), (BASELINE, 1, False), (None, 0, False)])
def test_a_result_is_accepted_by_what_is_expected_now(digest: str | None, ending: int, is_accepted: bool) -> None:
    found = subject_of(judged(make_test()))

    assert found.accepts(Came(ending, {1: digest})) is is_accepted


def test_an_output_without_a_baseline_hinders_nothing_and_tells_nothing() -> None:
    found = subject_of(judged(make_test(outputs=[make_output(baseline="")]), got={1: OTHER}))

    assert found.accepts(found.came)
    assert pairs_between(found, None, found.came) == []
    assert facts_between(found, None, found.came, {}) == ()


@pytest.mark.parametrize(("ending", "before", "wanted", "code"), [
    (0, SEGFAULT, 0, None), (SEGFAULT, SEGFAULT, 0, None), (SEGFAULT, 0, 0, FailureCode.SEGFAULT),
    (7, 0, 0, FailureCode.EXIT_CODE_MISMATCH), (None, 0, 0, FailureCode.EXIT_CODE_MISMATCH)])
def test_an_ending_is_told_where_it_is_another_and_not_the_one_that_is_wanted(
    ending: int | None, before: int, wanted: int, code: FailureCode | None,
) -> None:
    assert ending_code(ending, before, wanted) is code


def test_two_results_differ_by_the_facts_of_their_outputs_each_kind_once() -> None:
    test = make_test(outputs=[make_output(1), make_output(2)])
    found = subject_of(judged(test, exit_code=-11, got={1: OTHER, 2: OTHER}))
    pair = Pair(BASELINE, OTHER, ".srt", FailureCode.SEGFAULT)

    told = facts_between(found, None, found.came, {pair: (Fact("exit", "SEGFAULT"), Fact("file.cut"))})

    assert pairs_between(found, None, found.came) == [pair, pair]
    assert told == (Fact("exit", "SEGFAULT"), Fact("file.cut"))


def test_a_variant_is_not_told_against_what_is_expected() -> None:
    assert facts_between(subject(came("variant")), None, came("variant"), {}) == ()


def test_an_output_that_was_not_written_is_missing_and_one_that_came_again_tells_nothing() -> None:
    test = subject(came(None))

    assert facts_between(test, came(GOOD), came(None), {}) == (Fact("file.missing"),)
    assert facts_between(test, came(None), came(None, SEGFAULT), {}) == (Fact("exit", "SEGFAULT"),)
    assert facts_between(test, came(None), came("bad"), {}) == ()


def test_the_ending_of_a_test_without_outputs_is_told() -> None:
    found = replace(subject(came()), test=make_test(outputs=[]))

    assert facts_between(found, None, Came(SEGFAULT, {}), {}) == (Fact("exit", "SEGFAULT"),)


def test_a_pair_that_was_not_compared_is_told_as_unread() -> None:
    assert facts_between(subject(came("bad")), None, came("bad"), {}) == (UNREAD,)
    assert facts_between(subject(came("bad")), None, came("bad"), known(good_bad="cues.order")) == (Fact("cues.order"),)
    assert OUTPUT in came("bad").outputs
