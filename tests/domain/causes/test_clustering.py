"""Clusters of failing tests."""
from __future__ import annotations

import random
from collections.abc import Sequence
from sys import maxsize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.causes.clustering import Cluster, clusters_of
from api.domain.causes.groups import GROUP_LIMIT, Failing
from api.domain.causes.signs import Sign
from api.domain.causes.step import NOW
from tests.domain.causes.outcomes import fact, facts

TEN = range(10)


def failing(regression_id: int, words: str, sample_id: int | None = None, *, first: int = NOW, before: int = maxsize) -> Failing:
    return Failing(
        regression_id, regression_id if sample_id is None else sample_id, tuple(Sign(each, first, before) for each in facts(words)))


def shown(clusters: Sequence[Cluster]) -> list[tuple[set[str], list[int]]]:
    return [({kind for kind, _ in each.keys}, list(each.regression_ids)) for each in clusters]


def test_tests_with_a_fact_in_common_are_a_cluster_and_a_test_may_be_in_several() -> None:
    tests = [*(failing(number, "bytes.bom +") for number in range(5)), failing(5, "bytes.bom +, markup -bold"), *(
        failing(number, "markup -bold") for number in range(6, 10))]

    found = clusters_of(tests)

    assert shown(found) == [({"bytes.bom"}, [0, 1, 2, 3, 4, 5]), ({"markup"}, [5, 6, 7, 8, 9])]


def test_facts_that_the_same_tests_show_are_one_cause() -> None:
    found, = clusters_of([failing(number, "exit SEGFAULT, file.cut") for number in TEN])

    assert {fact.kind for fact in found.facts} == {"exit", "file.cut"}


def test_facts_that_cannot_have_come_with_one_commit_are_two_causes_of_the_same_tests() -> None:
    tests = [Failing(number, number, (Sign(fact("bytes.bom +"), NOW, 0), Sign(fact("markup -bold"), 0, 1))) for number in TEN]

    assert shown(clusters_of(tests)) == [({"bytes.bom"}, [*TEN]), ({"markup"}, [*TEN])]


def test_one_fact_of_two_commits_is_two_causes_with_ids_of_their_own() -> None:
    tests = [
        *(failing(number, "cues.lost tail", first=NOW, before=0) for number in range(3)),
        *(failing(number, "cues.lost tail", first=2, before=4) for number in range(3, 9))]

    found = clusters_of(tests)

    assert [(each.regression_ids, each.first, each.before) for each in found] == [((3, 4, 5, 6, 7, 8), 2, 4), ((0, 1, 2), NOW, 0)]
    assert len({each.class_id for each in found}) == 2


def test_a_test_that_may_have_come_with_either_commit_goes_with_more_of_the_others() -> None:
    tests = [
        *(failing(number, "cues.lost tail", first=NOW, before=0) for number in range(2)),
        *(failing(number, "cues.lost tail", first=2, before=3) for number in range(2, 7)),
        failing(7, "cues.lost tail", first=NOW, before=5)]

    assert [each.regression_ids for each in clusters_of(tests)] == [(2, 3, 4, 5, 6, 7), (0, 1)]


def test_a_shift_by_another_amount_in_each_sample_is_one_cause() -> None:
    found, = clusters_of([failing(number, f"time.both.const {100 * number:+d}") for number in range(1, 10)])

    assert found.values == {f"{100 * number:+d}": 1 for number in range(1, 10)}


def test_two_shifts_of_several_samples_each_are_two_causes() -> None:
    tests = [failing(number, f"time.both.const {value}") for number, value in enumerate(["-40"] * 4 + ["-41", "+900", "+900", "+900"])]

    found = clusters_of(tests)

    assert [(each.regression_ids, each.values) for each in found] == [((0, 1, 2, 3, 4), {"-40": 4, "-41": 1}), ((5, 6, 7), {"+900": 3})]
    assert len({each.class_id for each in found}) == 2


def test_a_shift_that_is_no_number_hinders_nothing() -> None:
    found, = clusters_of([failing(number, "time.both.const odd") for number in TEN])

    assert found.values == {"odd": 10}


@pytest.mark.parametrize(("strong", "weak"), [
    ("cues.doubled", "text.edited"), ("time.end.const -40", "time.start.some"), ("text.letters-lost", "text.cut")])
def test_what_one_cause_looks_like_in_another_format_of_the_same_samples_is_told_with_it(strong: str, weak: str) -> None:
    tests = [*(failing(number, strong, number) for number in TEN), *(failing(number + 20, weak, number) for number in range(4))]

    assert len(clusters_of(tests)) == 1


@pytest.mark.parametrize(("strong", "weak", "samples"), [
    ("cues.doubled", "text.edited", range(100, 104)), ("markup -bold", "bytes.bom +", range(4)),
    ("cue.settings lost", "cue.time-format a", range(4))])
def test_what_is_of_other_samples_or_about_something_else_is_another_cause(strong: str, weak: str, samples: range) -> None:
    tests = [*(failing(number, strong, number) for number in TEN), *(failing(20 + number, weak, number) for number in samples)]

    assert len(clusters_of(tests)) == 2


def test_weak_facts_of_one_commit_are_one_cause_where_they_are_of_the_same_samples() -> None:
    tests = [failing(number, "text.cut" if number < 6 else "text.letters-lost", 1, first=0, before=1) for number in TEN]
    both = [failing(number, "text.cut, text.letters-lost", 1, first=0, before=1) for number in range(20, 24)]

    assert len(clusters_of([*tests, *both])) == 1


def test_single_times_that_changed_with_one_commit_are_one_cause_in_whatever_samples() -> None:
    tests = [failing(number, "time.end.many" if number < 6 else "time.end.first", first=0, before=1) for number in TEN]

    assert len(clusters_of(tests)) == 1


def test_few_tests_within_many_are_told_beside_them() -> None:
    tests = [failing(number, "markup -bold, frame a>b" if number < 2 else "markup -bold") for number in TEN]

    found, = clusters_of(tests)

    assert [fact.kind for fact in found.also] == ["frame"]


def noisy(regression_id: int, words: str) -> Failing:
    return Failing(regression_id, regression_id, tuple(Sign(each, is_noise=True) for each in facts(words)))


def test_nondeterminism_is_a_cluster_of_its_own_and_the_last_one() -> None:
    found = clusters_of([*(noisy(number, "cues.order") for number in range(5)), failing(9, "bytes.bom +")])

    assert [(each.is_flaky, each.regression_ids) for each in found] == [(False, (9,)), (True, (0, 1, 2, 3, 4))]


def test_a_nondeterministic_test_that_shows_what_many_others_do_has_their_cause() -> None:
    found, = clusters_of([noisy(0, "markup -bold"), *(failing(number, "markup -bold", first=0, before=1) for number in range(1, 6))])

    assert found.regression_ids == (0, 1, 2, 3, 4, 5)
    assert not found.is_flaky


def test_sizes_beyond_measure_are_bounded_and_leave_out_no_test() -> None:
    tests = [failing(number, ",".join(f"frame {number}-{each}>x" for each in range(40))) for number in range(300)]

    found = clusters_of(tests)

    assert len(found) <= GROUP_LIMIT + 1
    assert {regression_id for each in found for regression_id in each.regression_ids} == set(range(300))


def test_nothing_fails_for_no_cause() -> None:
    assert clusters_of([]) == ()


KINDS = (
    "bytes.bom +", "cues.order", "cues.lost tail", "cues.lost many", "text.edited", "text.cut", "markup -bold", "time.end.const -40",
    "time.both.const +900", "time.end.some", "exit SEGFAULT", "file.cut", "frame a>b", "other x")
SIGNS = st.tuples(st.sampled_from(KINDS), st.integers(-1, 4), st.integers(1, 4), st.booleans())
TESTS = st.lists(st.tuples(st.integers(1, 12), st.lists(SIGNS, min_size=1, max_size=4)), max_size=25)


def made(told: list[tuple[int, list[tuple[str, int, int, bool]]]]) -> list[Failing]:
    return [
        Failing(number, sample, tuple(Sign(fact(words), first, first + width, is_noise) for words, first, width, is_noise in signs))
        for number, (sample, signs) in enumerate(told)]


@given(TESTS, st.randoms(use_true_random=False))
def test_the_order_of_tests_and_of_their_facts_does_not_matter(
    told: list[tuple[int, list[tuple[str, int, int, bool]]]], chance: random.Random,
) -> None:
    tests = made(told)
    shuffled = [Failing(each.regression_id, each.sample_id, tuple(chance.sample(each.signs, len(each.signs)))) for each in tests]
    chance.shuffle(shuffled)

    assert clusters_of(shuffled) == clusters_of(tests)


@given(TESTS)
def test_each_failing_test_is_in_a_cluster_and_ids_are_of_one_cluster(told: list[tuple[int, list[tuple[str, int, int, bool]]]]) -> None:
    tests = made(told)

    found = clusters_of(tests)

    assert {regression_id for each in found for regression_id in each.regression_ids} == {each.regression_id for each in tests}
    assert len({each.class_id for each in found}) == len(found)
    assert all(each.regression_ids and each.facts and each.first < each.before for each in found)


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique=True), st.integers(1, 500), st.integers(-1, 30))
def test_a_class_has_the_same_id_in_whatever_run_platform_or_sample(kinds: list[str], regression_id: int, first: int) -> None:
    here = clusters_of([failing(1, ",".join(kinds))])

    there = clusters_of([failing(regression_id, ",".join(reversed(kinds)), 3, first=first, before=first + 1)])

    assert [(each.class_id, each.exact_id) for each in here] == [(each.class_id, each.exact_id) for each in there]


def test_other_values_are_of_the_same_class_and_not_exactly_the_same() -> None:
    one, = clusters_of([failing(1, "time.end.const -40")])
    other, = clusters_of([failing(1, "time.end.const -80")])

    assert one.class_id == other.class_id
    assert one.exact_id != other.exact_id
