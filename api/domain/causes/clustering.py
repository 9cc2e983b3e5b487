"""Clusters: the failing tests of a run, grouped by what is different about their outputs, so that a cluster is one cause."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from api.domain.causes.came import Facts
from api.domain.causes.groups import Failing, Group, groups_of
from api.domain.causes.key import Key

# The version of the rules that make clusters and their ids. Clusters of an older version are made again.
CLUSTERS_VERSION = 1
FACT_LIMIT = 6
VALUE_LIMIT = 20
ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tests that fail for one cause. `class_id` is equal wherever the same is different, `exact_id` where by the same values too.

    `class_id` is unique within a run: of several clusters in which the same is different the largest has that of its class. `facts`
    are the commonest ones, each with the share and places of one test. `values` has how often a shift or a drift has each value, the
    commonest ones. `also` are facts that a few of its tests show beside. `first` and `before` are places on the line: the
    cause came after the run at `before`, and no later than with the run at `first`. `keys` are all kinds and parameters.
    """

    class_id: str
    exact_id: str
    facts: Facts
    regression_ids: tuple[int, ...]
    sample_count: int
    values: Mapping[str, int]
    first: int
    before: int
    also: Facts = ()
    is_flaky: bool = False
    keys: frozenset[Key] = frozenset()


def clusters_of(tests: Iterable[Failing]) -> tuple[Cluster, ...]:
    """The clusters of failing tests, the largest first and those that are flaky last; in whatever order the tests come."""
    found = sorted(groups_of(tests), key=lambda group: (group.is_noise, -len(group.tests), sorted(group.keys), group.first))
    seen: Counter[str] = Counter()
    clusters = []
    for group in found:
        class_id = _id(map(":".join, group.keys))
        seen[class_id] += 1
        clusters.append(_cluster(group, class_id if seen[class_id] == 1 else _id([class_id, str(seen[class_id])])))
    return tuple(clusters)


def _cluster(group: Group, class_id: str) -> Cluster:
    told = Counter((sign.fact.kind, sign.fact.parameter) for _, sign in group.members)
    first = {(sign.fact.kind, sign.fact.parameter): sign.fact for _, sign in reversed(group.members)}
    order = sorted(told, key=lambda each: (-told[each], each))
    values = Counter(value for _, value in group.values)
    return Cluster(
        class_id, _id(f"{kind} {parameter}" for kind, parameter in told), tuple(first[each] for each in order[:FACT_LIMIT]),
        tuple(sorted(group.tests)), len(group.samples), dict(values.most_common(VALUE_LIMIT)), group.first, group.before,
        tuple(group.also[:FACT_LIMIT]), group.is_noise, group.keys)


def _id(words: Iterable[str]) -> str:
    return sha256("|".join((f"v{CLUSTERS_VERSION}", *sorted(words))).encode()).hexdigest()[:ID_LENGTH]


