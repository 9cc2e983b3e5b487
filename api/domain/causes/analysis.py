"""The causes of a run's failures: the facts, steps and origin of each failing test, and the clusters that they make."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.domain.causes.attribution import Attributed, Confidence, attribute
from api.domain.causes.came import Facts, Known, Pair, facts_between, pairs_between, telling
from api.domain.causes.clustering import Cluster, Failing, clusters_of
from api.domain.causes.first_bad import FirstBad, cluster_first_bad, first_bad_of
from api.domain.causes.stability import STABLE, Stability
from api.domain.causes.step import Step, Walk, needed_pairs, steps_of
from api.domain.results.origin import Origin

# So many pairs of files are compared for one run.
PAIR_LIMIT = 2_000


@dataclass(frozen=True, slots=True)
class Analysed:
    """A failing test: what is different `now` against its baseline, its steps (the nearest first), whose it is, and since when."""

    regression_id: int
    sample_id: int
    facts: Facts
    steps: tuple[Step, ...]
    attributed: Attributed
    first_bad: tuple[FirstBad, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """A cluster with whose it is, how sure that is, and the commit that it came with."""

    cluster: Cluster
    origin: Origin
    confidence: Confidence
    first_bad: FirstBad | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The failing tests of a run by their ids, and their causes: those of the run's own change first."""

    tests: tuple[Analysed, ...]
    causes: tuple[Cause, ...]


def pairs_to_compare(walks: Sequence[Walk], stabilities: Mapping[int, Stability], limit: int = PAIR_LIMIT) -> tuple[Pair, ...]:
    """The pairs of files whose facts `analyse` wants, at most so many; what lacks is told as `unread`."""
    noise = [
        pair for each in walks for pair in _noise_pairs(each, stabilities.get(each.subject.regression_id, STABLE))]
    return tuple(dict.fromkeys([*needed_pairs(walks, limit), *noise]))[:limit]


def _noise_pairs(found: Walk, stability: Stability) -> list[Pair]:
    return [pair for each in stability.evidence for pair in pairs_between(found.subject, each.came, each.other)]


def analyse(walks: Sequence[Walk], known: Known, stabilities: Mapping[int, Stability]) -> Analysis:
    """Analyse the failing tests of a run, whose ways back are given, by the facts of the pairs that they need."""
    tests = tuple(
        _analysed(each, known, stabilities.get(each.subject.regression_id, STABLE))
        for each in sorted(walks, key=lambda each: each.subject.regression_id))
    clusters = clusters_of(
        Failing(test.regression_id, test.sample_id, telling(test.facts), test.attributed.origin is Origin.FLAKY) for test in tests)
    by_id = {test.regression_id: test for test in tests}
    causes = [_cause(cluster, [by_id[each] for each in cluster.regression_ids]) for cluster in clusters]
    order = list(Origin)
    return Analysis(tests, tuple(sorted(causes, key=lambda each: order.index(each.origin))))


def _analysed(found: Walk, known: Known, stability: Stability) -> Analysed:
    subject = found.subject
    now = facts_between(subject, None, subject.came, known)
    steps = steps_of(found, known)
    noise = frozenset(
        fact.kind for each in stability.evidence for fact in facts_between(subject, each.came, each.other, known))
    return Analysed(
        subject.regression_id, subject.test.sample_id, now, steps, attribute(found, known, stability.state, noise),
        first_bad_of(found, steps, now))


def _cause(cluster: Cluster, members: Sequence[Analysed]) -> Cause:
    """Whose a cluster is: what most of its tests are, those that are nobody's own left aside."""
    origins = [test.attributed.origin for test in members]
    origin = Origin.FLAKY if cluster.is_flaky else max(Origin, key=lambda each: (origins.count(each), -list(Origin).index(each)))
    sure = {test.attributed.confidence for test in members if test.attributed.origin is origin}
    confidence = next((each for each in reversed(Confidence) if each in sure), Confidence.UNCERTAIN)
    return Cause(cluster, origin, confidence, cluster_first_bad([test.first_bad for test in members]))
