"""How tests are divided: each is in one shard, no shard is empty, and the longest takes at most a third more than it must."""
from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from random import Random
from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from api.domain.runs.shards import divide, only

milliseconds = st.integers(0, 5) | st.integers(0, 600_000)
runtimes = st.dictionaries(st.integers(1, 90), milliseconds, max_size=60)
counts = st.integers(1, 64)


@given(st.sets(st.integers(1, 90)), counts, runtimes)
def test_each_test_is_in_one_shard_and_none_is_empty_where_there_are_enough_tests(
    ids: set[int], count: int, known: Mapping[int, int],
) -> None:
    shards = divide(ids, count, known)

    assert sorted(each for shard in shards for each in shard) == sorted(ids)
    assert len(shards) == max(1, min(count, len(ids)))
    assert all(shard == tuple(sorted(shard)) for shard in shards)
    assert not ids or all(shards)


@given(runtimes, counts, st.randoms(use_true_random=False))
def test_the_order_in_which_tests_are_told_changes_nothing(known: Mapping[int, int], count: int, chance: Random) -> None:
    ids = chance.sample(sorted(known), len(known))
    shuffled = {each: known[each] for each in chance.sample(ids, len(ids))}

    assert divide(ids, count, shuffled) == divide(sorted(known), count, known)


@given(st.dictionaries(st.integers(1, 90), milliseconds, min_size=1, max_size=6), st.integers(1, 3))
def test_the_longest_shard_takes_at_most_a_third_more_than_in_the_best_division(known: Mapping[int, int], count: int) -> None:
    longest = max(sum(known[each] for each in shard) for shard in divide(known.keys(), count, known))

    best = min(
        max(sum(taken for place, taken in zip(places, known.values(), strict=True) if place == shard) for shard in range(count))
        for places in product(range(count), repeat=len(known)))
    assert 3 * longest <= 4 * best


@given(st.sets(st.integers(1, 90), min_size=1), runtimes, counts)
def test_a_test_that_is_not_known_counts_as_the_median_of_those_that_are(ids: set[int], known: Mapping[int, int], count: int) -> None:
    told = [known[each] for each in ids if each in known]
    assumed = median_low(told) if told else 7

    assert divide(ids, count, known) == divide(ids, count, {each: known.get(each, assumed) for each in ids})


def test_one_long_test_has_a_shard_of_its_own() -> None:
    assert divide(range(1, 6), 2, {1: 10, 2: 90, 3: 20, 4: 20, 5: 30}) == ((2,), (1, 3, 4, 5))


@given(st.sets(st.integers(1, 90)), runtimes, counts, st.sets(st.integers(1, 90)))
def test_what_is_left_of_a_division_stays_where_it_was(ids: set[int], known: Mapping[int, int], count: int, wanted: set[int]) -> None:
    before = divide(ids, count, known)

    after = only(before, wanted)

    assert sorted(each for shard in after for each in shard) == sorted(ids & wanted)
    assert all(after) and all(any({*shard} <= {*whole} for whole in before) for shard in after)
