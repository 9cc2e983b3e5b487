"""The causes of a run's failures: the facts, steps and origin of each failing test, and the clusters that they make."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from api.domain.causes.attribution import Attributed, Confidence, attribute
from api.domain.causes.came import Facts, Known, Pair, facts_between, pairs_between, telling
from api.domain.causes.clustering import Cluster, clusters_of
from api.domain.causes.first_bad import FirstBad, common_first_bad, first_bad_of_step, oldest_bad
from api.domain.causes.groups import Failing
from api.domain.causes.noise import QUIET, noise_of
from api.domain.causes.peers import Member, agreed, settled
from api.domain.causes.signs import Sign, Signs, signs_of
from api.domain.causes.stability import STABLE, Stability, StabilityState
from api.domain.causes.step import Step, Walk, needed_pairs, steps_of
from api.domain.results.origin import Origin

# So many pairs of files are compared for one run.
PAIR_LIMIT = 4_000


@dataclass(frozen=True, slots=True)
class Analysed:
    """A failing test: what is different from what is expected, its steps (the nearest first), whose it is, and since when.

    `first_bad` has one entry for each step that lasts.
    """

    regression_id: int
    sample_id: int
    facts: Facts
    steps: tuple[Step, ...]
    attributed: Attributed
    first_bad: tuple[FirstBad, ...]
    stability: StabilityState = StabilityState.NONE


@dataclass(frozen=True, slots=True)
class Cause:
    """A cluster with whose it is, how sure that is, and the commit that it came with, which noise does not have."""

    cluster: Cluster
    origin: Origin
    confidence: Confidence
    first_bad: FirstBad | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The failing tests of a run by their ids, and their causes: those of the run's own change first."""

    tests: tuple[Analysed, ...] = ()
    causes: tuple[Cause, ...] = ()


def pairs_to_compare(walks: Sequence[Walk], stabilities: Mapping[int, Stability], limit: int = PAIR_LIMIT) -> tuple[Pair, ...]:
    """The pairs of files whose facts `analyse` wants, at most so many; what lacks is told as `unread`."""
    noise = [
        pair for each in walks for proof in stabilities.get(each.subject.regression_id, STABLE).evidence
        for pair in pairs_between(each.subject, proof.came, proof.other)]
    return tuple(dict.fromkeys([*needed_pairs(walks, limit), *noise]))[:limit]


def analyse(walks: Sequence[Walk], known: Known, stabilities: Mapping[int, Stability]) -> Analysis:
    """Analyse the failing tests of a run, whose ways back are given, by the facts of the pairs that they need."""
    tests, signs = [], {}
    for each in sorted(walks, key=lambda each: each.subject.regression_id):
        test, told = _analysed(each, known, stabilities.get(each.subject.regression_id, STABLE))
        tests.append(test)
        signs[test.regression_id] = told
    clusters = clusters_of(Failing(test.regression_id, test.sample_id, signs[test.regression_id].signs) for test in tests)
    by_id = {test.regression_id: test for test in tests}
    places = {each.subject.regression_id: each.base_place if each.base else None for each in walks}
    members = [_members(cluster, by_id, signs, places) for cluster in clusters]
    causes = [_cause(cluster, each, by_id, signs) for cluster, each in zip(clusters, members, strict=True)]
    order = list(Origin)
    return Analysis(_settled(tests, members), tuple(sorted(causes, key=lambda each: (each.cluster.is_flaky, order.index(each.origin)))))


def _analysed(found: Walk, known: Known, stability: Stability) -> tuple[Analysed, Signs]:
    subject = found.subject
    against = [facts_between(subject, None, stretch.came, known) for stretch in found.stretches]
    steps = steps_of(found, known)
    noise = noise_of(subject, stability, known) if stability.evidence else QUIET
    told = signs_of(steps, against, [stretch.last for stretch in found.stretches], noise, ends_well=found.ends_well)
    first_bad = tuple(map(first_bad_of_step, told.steps)) or (oldest_bad(found),)
    attributed = attribute(found, known, stability, noise)
    return Analysed(
        subject.regression_id, subject.test.sample_id, telling(against[0]), steps, attributed, first_bad, stability.state), told


def _members(
    cluster: Cluster, tests: Mapping[int, Analysed], signs: Mapping[int, Signs], base_places: Mapping[int, int | None],
) -> tuple[Member, ...]:
    """The tests of a cluster, each with whose the cluster's cause is in it; none of noise."""
    return () if cluster.is_flaky else tuple(
        Member(number, tests[number].sample_id, tests[number].attributed, _origin(
            tests[number], _signs_in(cluster, signs[number]), base_places[number])) for number in cluster.regression_ids)


def _cause(cluster: Cluster, members: Sequence[Member], tests: Mapping[int, Analysed], signs: Mapping[int, Signs]) -> Cause:
    """Whose a cluster is: what it is for most of its tests, or for those that tell; how sure that is, and since when."""
    if cluster.is_flaky:
        return Cause(cluster, Origin.FLAKY, Confidence.LIKELY)
    counts = Counter(member.origin for member in members)
    order = list(Origin)
    origin = max(order, key=lambda each: (counts[each], -order.index(each)))
    origin = agreed(members) or origin if origin is Origin.UNKNOWN else origin
    sure = {member.attributed.confidence for member in members if member.origin is origin}
    confidence = next((each for each in reversed(Confidence) if each in sure), Confidence.UNCERTAIN)
    shown = {member.regression_id: _signs_in(cluster, signs[member.regression_id]) for member in members}
    steps = [
        step for number, told in shown.items() for step in signs[number].steps
        if any((step.first, step.before) == (sign.first, sign.before) for sign in told)]
    first_bad = common_first_bad(
        steps, is_common=cluster.first < cluster.before) if steps else tests[cluster.regression_ids[0]].first_bad[0]
    return Cause(cluster, origin, confidence, first_bad)


def _settled(tests: Sequence[Analysed], clusters: Sequence[Sequence[Member]]) -> tuple[Analysed, ...]:
    """The tests, where it is not known whose they are by what the others of their clusters tell."""
    of_each: dict[int, list[tuple[Member, Sequence[Member]]]] = {}
    for members in clusters:
        for member in members:
            of_each.setdefault(member.regression_id, []).append((member, members))
    return tuple(
        replace(test, attributed=settled(found)) if (found := of_each.get(test.regression_id)) else test
        for test in tests)


def _signs_in(cluster: Cluster, told: Signs) -> list[Sign]:
    """The signs of a test by which it is in a cluster."""
    keys = cluster.keys
    return [sign for sign in told.signs if sign.key in keys and sign.first <= cluster.first and cluster.before <= sign.before]


def _origin(test: Analysed, shown: Sequence[Sign], base_place: int | None) -> Origin:
    """Whose a cause is in one of its tests, which may have others besides."""
    said = test.attributed
    if base_place is None or said.origin in (Origin.REBASELINED, Origin.NOT_MINE):
        return said.origin
    if all(sign.first >= base_place or sign.key in said.inherited for sign in shown):
        return Origin.NOT_MINE
    if said.undecided and all(sign.first >= base_place or sign.key in said.undecided | said.inherited for sign in shown):
        return Origin.UNKNOWN
    return said.origin if said.origin in (Origin.MINE, Origin.UNKNOWN) else Origin.UNKNOWN
