"""Clusters: the failing tests of a run, grouped by what is different about their outputs, so that a cluster is one cause."""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from api.domain.captions.fact import Fact
from api.domain.causes.came import Facts

# The version of the rules that make clusters and their ids. Clusters of an older version are made again.
CLUSTERS_VERSION = 1
FACT_LIMIT = 6
ID_LENGTH = 16
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Failing:
    """A failing test with the facts that tell of its causes; `is_flaky` where nothing but nondeterminism is known of it."""

    regression_id: int
    sample_id: int
    facts: Facts
    is_flaky: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tests that fail for one cause. `class_id` is equal wherever the same is different, `exact_id` where by the same values too.

    `facts` are the commonest ones, each with the share and places of one test. `values` has how often each value of a shift or a drift
    occurs. `also` are tests that fail for a stronger cause and show this one beside it.
    """

    class_id: str
    exact_id: str
    facts: Facts
    regression_ids: tuple[int, ...]
    sample_count: int
    values: Mapping[str, int]
    also: tuple[int, ...] = ()
    is_flaky: bool = False


def key_of(fact: Fact) -> Key:
    """What a fact is grouped by: its kind and parameter, but for values that belong to the sample its kind alone."""
    return fact.kind, "" if has_value(fact) else fact.parameter


def has_value(fact: Fact) -> bool:
    """Whether a fact's parameter is a measure, of which another one is no other cause."""
    return fact.kind.startswith("time.") and fact.kind.endswith((".const", ".drift"))


def clusters_of(tests: Iterable[Failing]) -> tuple[Cluster, ...]:
    """The clusters of failing tests, the largest first and those that are flaky last; in whatever order the tests come."""
    told = sorted(tests, key=lambda test: test.regression_id)
    groups: dict[Key, list[Failing]] = {}
    for test in told:
        for key in dict.fromkeys(key_of(fact) for fact in test.facts):
            groups.setdefault(key, []).append(test)
    found = [_cluster([key], members) for key, members in groups.items()]
    return tuple(sorted(found, key=lambda each: (each.is_flaky, -len(each.regression_ids), each.class_id)))


def _cluster(keys: Collection[Key], members: Sequence[Failing], also: Iterable[int] = ()) -> Cluster:
    facts = [fact for test in members for fact in test.facts if key_of(fact) in keys]
    commonest = Counter((fact.kind, fact.parameter) for fact in facts)
    values = Counter(fact.parameter for fact in facts if has_value(fact))
    first = {(fact.kind, fact.parameter): fact for fact in reversed(facts)}
    order = sorted(commonest, key=lambda each: (-commonest[each], each))
    return Cluster(
        _id(map(":".join, keys)), _id(f"{kind} {parameter}" for kind, parameter in commonest),
        tuple(first[each] for each in order[:FACT_LIMIT]), tuple(test.regression_id for test in members),
        len({test.sample_id for test in members}), dict(sorted(values.items())), tuple(sorted(also)),
        all(test.is_flaky for test in members))


def _id(words: Iterable[str]) -> str:
    return sha256("|".join((f"v{CLUSTERS_VERSION}", *sorted(words))).encode()).hexdigest()[:ID_LENGTH]
