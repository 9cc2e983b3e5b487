"""Whose a failure is: the run's own change's or not, by what became of the test since its base, with the reason for it."""
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from api.domain.causes.came import Came, Facts, Known, Subject, facts_between
from api.domain.causes.stability import StabilityState
from api.domain.causes.step import Walk
from api.domain.results.origin import Origin


class Reason(StrEnum):
    """Why a failure is attributed as it is."""

    SAME_AS_BASE = "same_as_base"
    CHANGED_SINCE_BASE = "changed_since_base"
    NONDETERMINISTIC = "nondeterministic"
    FEWER_DIFFERENCES = "fewer_differences"
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

    `suspects` are the untested commits between base and run, nearest first. `facts` are what changed since the base.
    """

    origin: Origin
    reason: Reason
    confidence: Confidence
    suspects: tuple[str, ...] = ()
    facts: Facts = ()


def attribute(found: Walk, known: Known, state: StabilityState, noise: frozenset[str]) -> Attributed:
    """Whose a failure is. `noise` are the kinds of facts that outputs of one commit differ by, where the test is proven to vary."""
    if found.base is None or found.base_came is None:
        return Attributed(Origin.UNKNOWN, Reason.NO_BASE, Confidence.UNCERTAIN)
    subject, base = found.subject, found.base_came
    is_sure = not found.base.is_assumed and not found.untested
    if base == subject.came:
        sure = Confidence.PROVEN if is_sure else Confidence.LIKELY
        if found.base_passed:
            return Attributed(Origin.REBASELINED, Reason.OTHER_BASELINE, sure)
        return Attributed(Origin.NOT_MINE, Reason.SAME_AS_BASE, sure)
    changed = facts_between(subject, base, subject.came, known)
    if state is StabilityState.PROVEN and {fact.kind for fact in changed} <= noise:
        return Attributed(Origin.FLAKY, Reason.NONDETERMINISTIC, Confidence.PROVEN, facts=changed)
    if _is_improved(subject, base, known):
        return Attributed(Origin.IMPROVED, Reason.FEWER_DIFFERENCES, Confidence.LIKELY, facts=changed)
    if found.untested:
        return Attributed(Origin.UNKNOWN, Reason.UNTESTED_COMMITS, Confidence.UNCERTAIN, found.untested, changed)
    return Attributed(
        Origin.MINE, Reason.CHANGED_SINCE_BASE, Confidence.UNCERTAIN if found.base.is_assumed else Confidence.LIKELY, facts=changed)


def _is_improved(subject: Subject, base: Came, known: Known) -> bool:
    """Whether everything that is different now was so in the base, and something more was."""
    now, before = (
        {(fact.kind, fact.parameter) for fact in facts_between(subject, None, each, known)} for each in (subject.came, base))
    return now < before
