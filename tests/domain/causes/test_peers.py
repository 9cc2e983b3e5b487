"""What the tests of one cause tell of each other."""
from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.causes.attribution import Attributed, Confidence, Reason
from api.domain.causes.peers import FEWEST, Member, agreed, settled
from api.domain.results.origin import Origin


def member(
    number: int, origin: Origin, reason: Reason = Reason.CHANGED_SINCE_BASE, *, sample_id: int = 0, said: Origin | None = None,
) -> Member:
    return Member(number, sample_id or number, Attributed(said or origin, reason, Confidence.LIKELY), origin)


def mine(*numbers: int) -> list[Member]:
    return [member(number, Origin.MINE) for number in numbers]


def old(*numbers: int) -> list[Member]:
    return [member(number, Origin.NOT_MINE, Reason.SAME_AS_BASE) for number in numbers]


def by_others(one: Member, *clusters: Sequence[Member]) -> Origin:
    return settled([(one, [one, *others]) for others in clusters]).origin


DOUBTED = member(9, Origin.UNKNOWN, Reason.UNTESTED_COMMITS)
NOISY = member(9, Origin.UNKNOWN, Reason.NONDETERMINISTIC, said=Origin.FLAKY)


@pytest.mark.parametrize(("members", "origin"), [
    (mine(1, 2, 3), Origin.MINE), (old(1, 2, 3), Origin.NOT_MINE), (mine(1, 2), None), ([*mine(1, 2, 3), *old(4)], None), ([], None),
    ([*mine(1, 2), member(3, Origin.MINE, Reason.NONDETERMINISTIC)], None), ([*mine(1, 2, 3), DOUBTED, NOISY], Origin.MINE)])
def test_a_cause_is_whose_three_of_its_tests_say_if_none_says_otherwise(members: list[Member], origin: Origin | None) -> None:
    assert agreed(members) is origin


def test_a_test_of_which_it_is_not_known_is_as_the_others_of_its_cause() -> None:
    said = settled([(DOUBTED, [DOUBTED, *mine(1, 2, 3)])])

    assert (said.origin, said.reason, said.confidence) == (Origin.MINE, Reason.AS_OTHERS_OF_ITS_CAUSE, Confidence.UNCERTAIN)


@pytest.mark.parametrize(("clusters", "origin"), [
    ([mine(1, 2, 3), old(4, 5, 6)], Origin.MINE), ([old(1, 2, 3), old(4, 5, 6)], Origin.NOT_MINE),
    ([old(1, 2, 3), mine(4)], Origin.UNKNOWN), ([mine(1, 2)], Origin.UNKNOWN)])
def test_one_cause_of_the_runs_own_makes_a_failure_its_own_and_only_old_ones_make_it_old(
    clusters: list[list[Member]], origin: Origin,
) -> None:
    assert by_others(DOUBTED, *clusters) is origin


def test_a_nondeterministic_test_shows_the_runs_own_change_where_another_test_of_its_sample_does() -> None:
    of_its_sample = member(1, Origin.MINE, sample_id=9)

    assert by_others(NOISY, [of_its_sample, *mine(2, 3)]) is Origin.MINE
    assert by_others(NOISY, mine(1, 2, 3)) is Origin.FLAKY
    assert by_others(NOISY, old(1, 2, 3)) is Origin.FLAKY


members_strategy = st.lists(
    st.builds(
        member, st.integers(1, 8), st.sampled_from([Origin.MINE, Origin.NOT_MINE, Origin.UNKNOWN]),
        st.sampled_from([Reason.CHANGED_SINCE_BASE, Reason.NONDETERMINISTIC])), max_size=8, unique_by=lambda each: each.regression_id)


@given(
    st.sampled_from(Origin), st.sampled_from([Reason.SAME_AS_BASE, Reason.UNTESTED_COMMITS, Reason.NONDETERMINISTIC]),
    st.lists(members_strategy, min_size=1, max_size=3))
def test_others_never_change_what_a_test_tells_by_itself_and_never_prove_anything(
    origin: Origin, reason: Reason, clusters: list[list[Member]],
) -> None:
    one = member(9, origin, reason)

    said = settled([(one, [one, *others]) for others in clusters])

    assert said == settled([(one, [*reversed(others), one]) for others in reversed(clusters)])
    if said != one.attributed:
        assert origin is Origin.UNKNOWN or reason is Reason.NONDETERMINISTIC
        assert said.origin in (Origin.MINE, Origin.NOT_MINE)
        assert said.confidence is Confidence.UNCERTAIN
        assert any(sum(each.origin is said.origin for each in others) >= FEWEST for others in clusters)
