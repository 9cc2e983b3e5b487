"""Whose a failure is: the run's own change's or not, by what became of the test since its base, with the reason for it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from api.domain.captions.fact import Fact
from api.domain.causes.came import Facts, Known, facts_between, telling
from api.domain.causes.key import Key, aspect_of, is_engulfing, key_of, keys_of
from api.domain.causes.noise import Noise, may_be_noise
from api.domain.causes.stability import Stability, StabilityState
from api.domain.causes.step import Walk, hides
from api.domain.results.origin import Origin


class Reason(StrEnum):
    """Why a failure is attributed as it is."""

    SAME_AS_BASE = "same_as_base"
    SAME_CRASH = "same_crash"
    CHANGED_SINCE_BASE = "changed_since_base"
    CHANGED_ON_OTHER_PLATFORM = "changed_on_other_platform"
    NOT_BESIDE = "not_beside"
    NOT_IN_EARLIER_COMMIT = "not_in_earlier_commit"
    FAILS_ON_OTHER_PLATFORM = "fails_on_other_platform"
    AS_OTHERS_OF_ITS_CAUSE = "as_others_of_its_cause"
    NONDETERMINISTIC = "nondeterministic"
    FEWER_DIFFERENCES = "fewer_differences"
    HIDDEN_IN_BASE = "hidden_in_base"
    OTHER_BASELINE = "other_baseline"
    UNTESTED_COMMITS = "untested_commits"
    NO_BASE = "no_base"


class Confidence(StrEnum):
    """How sure an attribution is. What is proven rests on equal bytes, or on outputs of one commit that differ."""

    PROVEN = "proven"
    LIKELY = "likely"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Attributed:
    """Whose a failure is, why, and how sure that is.

    `suspects` are the commits between base and run that were not tested, or hid what the test does, nearest first. `facts` are what
    changed since the base; those with a key that is `inherited` were seen in an ancestor on another platform. Of those with a key that is
    `undecided` it is not known whose they are, though another of the facts is the run's own.
    """

    origin: Origin
    reason: Reason
    confidence: Confidence
    suspects: tuple[str, ...] = ()
    facts: Facts = ()
    inherited: frozenset[Key] = frozenset()
    undecided: frozenset[Key] = frozenset()


# A crashed program may have written more or less each time.
_OF_A_CUT = frozenset({"file.cut", "cues.lost", "cues.extra", "text.cut", "bytes.end"})


def attribute(found: Walk, known: Known, stability: Stability, noise: Noise) -> Attributed:
    """Whose a failure is. `noise` is what outputs of one commit differ by, where the test is proven to be nondeterministic."""
    if found.base is None or found.base_came is None:
        return Attributed(Origin.UNKNOWN, Reason.NO_BASE, Confidence.UNCERTAIN)
    subject, base = found.subject, found.base_came
    if base == subject.came:
        if _is_brought_back(found, known):
            return Attributed(Origin.MINE, Reason.CHANGED_ON_OTHER_PLATFORM, Confidence.LIKELY, found.untested)
        sure = Confidence.LIKELY if found.base.is_assumed or found.untested else Confidence.PROVEN
        if found.base_passed:
            return Attributed(Origin.REBASELINED, Reason.OTHER_BASELINE, sure)
        return Attributed(Origin.NOT_MINE, Reason.SAME_AS_BASE, sure)
    changed = facts_between(subject, base, subject.came, known)
    if stability.state is StabilityState.PROVEN and not noise.without(changed):
        is_more = bool(noise.without(telling(facts_between(subject, None, subject.came, known))))
        return Attributed(Origin.NOT_MINE if is_more else Origin.FLAKY, Reason.NONDETERMINISTIC, Confidence.LIKELY, facts=changed)
    return _known_state(found, known, changed) or _by_commits(found, known, noise.without(changed), stability)


def _is_brought_back(found: Walk, known: Known) -> bool:
    """Whether a commit between took away what is different, and the run's own brought it back, as another platform shows."""
    own, before = found.elsewhere.get(found.now.commit), found.elsewhere.get(found.untested[0]) if found.untested else None
    if own is None or before is None or own == before:
        return False
    subject = found.subject
    now, came, was = (keys_of(telling(facts_between(subject, None, each, known))) for each in (subject.came, own, before))
    return bool(now & came - was)


def _known_state(found: Walk, known: Known, changed: Facts) -> Attributed | None:
    """What is said of a test that failed in the base already, where all that is different now was so before; else None."""
    subject, base = found.subject, found.base_came
    assert base is not None, "a base has a result"
    now, before = (facts_between(subject, None, each, known) for each in (subject.came, base))
    if base.ending == subject.came.ending != subject.wanted_ending and (_is_of_a_cut(changed) or keys_of(now) <= keys_of(before)):
        return Attributed(Origin.NOT_MINE, Reason.SAME_CRASH, Confidence.LIKELY, facts=changed)
    if _is_repair(now, before, changed):
        return Attributed(Origin.IMPROVED, Reason.FEWER_DIFFERENCES, Confidence.LIKELY, facts=changed)
    if _came_back(found) and len(telling(now)) <= len(telling(before)) and any(map(is_engulfing, now)) <= any(map(is_engulfing, before)):
        return Attributed(Origin.IMPROVED, Reason.FEWER_DIFFERENCES, Confidence.LIKELY, facts=changed)
    if not hides(before) or hides(now):
        return None
    open_ones = [
        stretch for stretch in found.stretches
        if stretch.first > found.base_place and not hides(facts_between(subject, None, stretch.came, known))]
    if open_ones and keys_of(telling(now)) <= keys_of(facts_between(subject, None, open_ones[0].came, known)):
        return Attributed(Origin.IMPROVED, Reason.FEWER_DIFFERENCES, Confidence.LIKELY, facts=changed)
    hidden = [
        commit for stretch in found.stretches[1:]
        if stretch.last >= found.base_place and not (open_ones and stretch.first >= open_ones[0].first) for commit in stretch.commits]
    return Attributed(
        Origin.UNKNOWN, Reason.HIDDEN_IN_BASE, Confidence.UNCERTAIN, tuple(dict.fromkeys((*found.untested, *hidden))), changed)


def _came_back(found: Walk) -> bool:
    """Whether the same came out before the base already, and something else in the base."""
    return any(stretch.came == found.subject.came for stretch in found.stretches[1:] if stretch.first > found.base_place)


def _is_of_a_cut(changed: Facts) -> bool:
    return {fact.kind for fact in changed} <= _OF_A_CUT


def _is_repair(now: Facts, before: Facts, changed: Facts) -> bool:
    """Whether all that changed came nearer to what is expected: of each thing that did, less is different than was before."""
    if keys_of(now) < keys_of(before) or keys_of(telling(now)) < keys_of(telling(before)):
        return True
    if keys_of(telling(now)) & keys_of(changed) - keys_of(before):
        return False
    aspects = {aspect_of(fact) for fact in telling(changed)}
    return bool(aspects) and all(_is_less(_about(now, aspect), _about(before, aspect)) for aspect in aspects)


def _about(facts: Facts, aspect: str) -> dict[Key, float]:
    return {key_of(fact): fact.share for fact in facts if aspect_of(fact) == aspect}


def _is_less(now: Mapping[Key, float], before: Mapping[Key, float]) -> bool:
    return now.keys() <= before.keys() and sum(now.values()) < sum(before.values()) and all(now[key] <= before[key] for key in now)


def _by_commits(found: Walk, known: Known, changed: Facts, stability: Stability) -> Attributed:
    """Whose a change is, by the commits that it may have come with."""
    if stability.is_doubtful and all(map(may_be_noise, telling(changed))):
        return Attributed(Origin.UNKNOWN, Reason.NONDETERMINISTIC, Confidence.UNCERTAIN, found.untested, changed)
    if not found.untested:
        assert found.base is not None, "what changed did so since a base"
        is_sure = not found.base.is_assumed and stability.state is StabilityState.NONE
        return Attributed(
            Origin.MINE, Reason.CHANGED_SINCE_BASE, Confidence.LIKELY if is_sure else Confidence.UNCERTAIN, facts=changed)
    keys, inherited = keys_of(telling(changed)), _inherited(found, known)
    if keys <= inherited:
        return Attributed(
            Origin.NOT_MINE, Reason.FAILS_ON_OTHER_PLATFORM, Confidence.LIKELY, found.untested, changed, inherited)
    for reason, own in (
        (Reason.NOT_IN_EARLIER_COMMIT, _since_own(found, known)), (Reason.CHANGED_ON_OTHER_PLATFORM, _own(found, known)),
        (Reason.NOT_BESIDE, _cleared(found, known, keys)),
    ):
        if keys & own - inherited:
            return Attributed(Origin.MINE, reason, Confidence.LIKELY, found.untested, changed, inherited, keys - own - inherited)
    if not keys & inherited and found.untested[0] in found.elsewhere and found.now.commit not in found.elsewhere:
        # The parent was tested elsewhere and did not show it; whether the run's own commit does is not known there.
        return Attributed(Origin.MINE, Reason.CHANGED_ON_OTHER_PLATFORM, Confidence.UNCERTAIN, found.untested, changed)
    return Attributed(Origin.UNKNOWN, Reason.UNTESTED_COMMITS, Confidence.UNCERTAIN, found.untested, changed, inherited)


def _since_own(found: Walk, known: Known) -> frozenset[Key]:
    """What changed between runs of the run's own commits, which lie behind all suspects."""
    subject = found.subject
    return frozenset(
        key for newer, older in pairwise(found.stretches)
        if older.newest.is_own and not hides(facts_between(subject, None, older.came, known))
        for key in keys_of(facts_between(subject, older.came, newer.came, known)))


def _cleared(found: Walk, known: Known, changed: frozenset[Key]) -> frozenset[Key]:
    """What changed and is not seen in a pull request that branches off at the run's parent, so that no suspect can have brought it.

    Where that pull request differs in the same respect, it may be seen there in other words.
    """
    results = [facts_between(found.subject, None, result, known) for result in found.beside]
    seen = [facts for facts in results if not hides(facts)]
    if not seen:
        return frozenset()
    there = frozenset(aspect_of(fact) for facts in seen for fact in facts)
    return frozenset(key for key in changed if aspect_of(Fact(*key)) not in there)


def _inherited(found: Walk, known: Known) -> frozenset[Key]:
    """What was different already in one of the commits that were not tested, on another platform."""
    return frozenset(
        key for commit in found.untested if commit in found.elsewhere
        for key in keys_of(facts_between(found.subject, None, found.elsewhere[commit], known)))


def _own(found: Walk, known: Known) -> frozenset[Key]:
    """What changed with the run's own commits alone, on another platform."""
    own, before = found.elsewhere.get(found.now.commit), found.elsewhere.get(found.untested[0])
    return frozenset() if own is None or before is None else keys_of(facts_between(found.subject, before, own, known))
