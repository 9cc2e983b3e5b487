"""Divides the tests of a run among machines by how long they took before."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heapreplace
from statistics import median_low

# The regression ids of each shard, ascending.
Shards = tuple[tuple[int, ...], ...]


def divide(regression_ids: Collection[int], count: int, runtimes_ms: Mapping[int, int]) -> Shards:
    """Divide tests into `count` shards, or one for each test where they are fewer; at least one.

    The longest test comes first, and each goes to the shard that has least to do, so that the longest shard takes at most a third more
    than in the best division. A test whose runtime is not known counts as the median of the others. The same arguments give the same
    shards, in whichever order they come.
    """
    known = [runtimes_ms[each] for each in regression_ids if each in runtimes_ms]
    default = median_low(known) if known else 0
    runtimes = {each: runtimes_ms.get(each, default) for each in regression_ids}
    shards: list[list[int]] = [[] for _ in range(max(1, min(count, len(runtimes))))]
    # Of shards that have as little to do the one with the fewest tests comes first, so that none stays empty.
    loads = [(0, 0, number) for number in range(len(shards))]
    heapify(loads)
    for regression_id in sorted(runtimes, key=lambda each: (-runtimes[each], each)):
        load, size, number = loads[0]
        shards[number].append(regression_id)
        heapreplace(loads, (load + runtimes[regression_id], size + 1, number))
    return tuple(tuple(sorted(shard)) for shard in shards)


def only(shards: Shards, regression_ids: Iterable[int]) -> Shards:
    """The same division of some of its tests; a shard that has none of them is left out."""
    wanted = frozenset(regression_ids)
    return tuple(left for shard in shards if (left := tuple(each for each in shard if each in wanted)))
