"""The signs of a test, each with the part of the line in which it came."""
from __future__ import annotations

from sys import maxsize

import pytest

from api.domain.causes.came import facts_between
from api.domain.causes.key import aspect_of, key_of, lasts
from api.domain.causes.noise import QUIET, Noise
from api.domain.causes.signs import Signs, signs_of
from api.domain.causes.step import NOW, Walk, steps_of
from tests.domain.causes.outcomes import GOOD, SEGFAULT, came, fact, facts, known, walked


def signs(found: Walk, noise: Noise = QUIET, **told: str) -> Signs:
    pairs = known(**told)
    against = [facts_between(found.subject, None, stretch.came, pairs) for stretch in found.stretches]
    return signs_of(
        steps_of(found, pairs), against, [stretch.last for stretch in found.stretches], noise, ends_well=found.ends_well)


def told(found: Signs) -> list[tuple[str, int, int]]:
    return [(sign.fact.kind, sign.first, sign.before) for sign in found.signs]


def test_each_step_that_lasts_has_its_signs_and_one_that_went_has_none() -> None:
    found = signs(
        walked("third", "second", "first", GOOD), good_third="bytes.bom +, cues.order", good_second="bytes.bom +, markup -bold",
        good_first="markup -bold", second_third="cues.order, markup +bold", first_second="bytes.bom +")

    assert told(found) == [("cues.order", NOW, 0), ("bytes.bom", 0, 1)]
    assert [step.commit for step in found.steps] == ["c99", "c98"]


def test_a_step_lasts_in_other_words_where_another_cause_is_beside_it() -> None:
    found = signs(
        walked("second", "first", GOOD), good_second="time.start.const +9, time.end.const +50", good_first="time.both.const +9",
        first_second="time.end.const +41")

    assert told(found) == [("time.end.const", NOW, 0), ("time.both.const", 0, 1)]


def test_a_step_that_was_gone_in_between_does_not_last() -> None:
    found = signs(
        walked("second", "first", "bad", GOOD), good_second="cues.order", first_second="cues.order", good_first="bytes.bom +",
        bad_first="bytes.bom +", good_bad="cues.order")

    assert told(found) == [("cues.order", NOW, 0)]


def test_what_was_different_before_all_that_is_known_may_be_as_old_as_can_be() -> None:
    found = signs(walked("second", "first"), good_second="bytes.bom +, cues.order", good_first="cues.order", first_second="bytes.bom +")

    assert told(found) == [("bytes.bom", NOW, 0), ("cues.order", 0, maxsize)]


def test_a_step_told_in_words_that_are_nowhere_else_brought_what_is_new_since() -> None:
    found = signs(walked("second", "first", GOOD), good_second="frame a>b, cues.order", good_first="cues.order", first_second="format a>b")

    assert told(found) == [("cues.order", 0, 1), ("frame", NOW, 0)]


def test_what_a_stronger_difference_explained_came_when_that_did() -> None:
    found = signs(
        walked("second", "first", GOOD), good_second="cue.settings lost", good_first="text.edited, cue.settings lost",
        first_second="text.edited")

    assert told(found) == [("cue.settings", 0, 1)]
    assert [step.commit for step in found.steps] == ["c98"]


def test_times_that_moved_once_there_and_once_back_are_no_sign() -> None:
    found = signs(
        walked("now", "moved", "before", GOOD), good_now="time.end.many", good_moved="time.end.many", good_before="time.end.many",
        moved_now="time.end.const +40", before_moved="time.end.const -40")

    assert [step.commit for step in found.steps] == ["c97"]


def test_a_test_that_never_was_otherwise_has_signs_of_any_age() -> None:
    assert told(signs(walked("bad"), good_bad="cues.order")) == [("cues.order", NOW, maxsize)]
    assert told(signs(walked("bad"))) == [("unread", NOW, maxsize)]


def test_steps_are_not_judged_by_results_that_hid_them() -> None:
    found = signs(walked("bad", came(None, SEGFAULT), "bad", GOOD), good_bad="cues.order")

    assert [step.commit for step in found.steps] == ["c97"]


def test_noise_is_no_sign_of_any_step() -> None:
    found = signs(
        walked("second", GOOD), Noise(frozenset({("cues.order", "")}), 0.1), good_second="cues.order, bytes.bom +")

    assert [(sign.fact.kind, sign.is_noise) for sign in found.signs] == [("bytes.bom", False), ("cues.order", True)]


def test_a_test_that_shows_noise_alone_has_no_step() -> None:
    found = signs(walked("second", GOOD), Noise(frozenset({("cues.order", "")}), 0.1), good_second="cues.order")

    assert [sign.is_noise for sign in found.signs] == [True]
    assert found.steps == ()


@pytest.mark.parametrize(("one", "key"), [
    ("time.end.const -40", ("time.end.const", "")), ("time.both.drift 1.0100", ("time.both.drift", "")),
    ("time.end.many", ("time.end.some", "")), ("cues.lost many", ("cues.lost", "some")), ("cues.lost tail", ("cues.lost", "tail")),
    ("markup -bold", ("markup", "-bold"))])
def test_facts_of_one_cause_have_one_key(one: str, key: tuple[str, str]) -> None:
    assert key_of(fact(one)) == key


@pytest.mark.parametrize(("one", "later", "does"), [
    ("bytes.bom +", "bytes.bom +", True), ("bytes.bom +", "cues.order", False), ("cues.order", "text.other", True),
    ("bytes.bom +", "text.other", False), ("time.both.const +9", "time.end.some", True),
    ("time.start.const +9", "time.end.const +9", False),
    ("time.any.some", "time.start.first", True), ("time.round", "time.start.first", False)])
def test_a_fact_lasts_in_its_own_words_or_in_those_of_a_cause_beside_it(one: str, later: str, does: bool) -> None:
    assert lasts(fact(one), facts(later)) is does


@pytest.mark.parametrize(("one", "aspect"), [
    ("text.edited", "content"), ("cues.order", "content"), ("time.end.const -40", "time"), ("bytes.bom +", "bytes.bom"),
    ("cue.settings lost", "cue")])
def test_a_fact_is_about_an_aspect_of_an_output(one: str, aspect: str) -> None:
    assert aspect_of(fact(one)) == aspect


def test_what_each_result_shows_and_no_step_brought_is_as_old_as_the_line() -> None:
    found = signs_of([], [facts("bytes.bom +"), facts("bytes.bom +, cues.order")], [3, 5], QUIET, ends_well=True)

    assert told(found) == [("bytes.bom", 5, maxsize)]


def test_what_hides_other_facts_in_between_makes_none_of_them_younger() -> None:
    found = signs_of([], [facts("bytes.bom +"), facts("unread"), facts("bytes.bom +, cues.order")], [3, 4, 5], QUIET, ends_well=True)

    assert told(found) == [("bytes.bom", 5, maxsize)]
