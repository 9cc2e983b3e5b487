"""Noise: what outputs of one commit differ by, so that it tells nothing of any change."""
from __future__ import annotations

from dataclasses import dataclass

from api.domain.captions.fact import Fact
from api.domain.causes.came import Facts, Known, Subject, facts_between
from api.domain.causes.key import Key, key_of, keys_of
from api.domain.causes.stability import Stability

# Where cues or texts are not the same twice, these may be told of them too, of about as many cues.
_CUES = ("cues.", "text.", "markup", "cue.settings")
_ONE_END = ("tail", "head")
_SHAPES = (".some", ".many", ".first", ".last")
_FACTOR = 2.0
MOST_OF_NOISE = 0.25


@dataclass(frozen=True, slots=True)
class Noise:
    """The keys of facts by which outputs of one commit differ, and the largest share of an output that these touch."""

    keys: frozenset[Key] = frozenset()
    share: float = 0.0

    def has(self, fact: Fact) -> bool:
        """Whether a fact tells no more than that the test is not the same twice."""
        key = key_of(fact)
        return key in self.keys or fact.share <= _FACTOR * self.share and _is_of_cues(key) and any(map(_is_of_cues, self.keys))

    def without(self, facts: Facts) -> Facts:
        """The facts that are none of it."""
        return tuple(fact for fact in facts if not self.has(fact))


QUIET = Noise()


def may_be_noise(fact: Fact) -> bool:
    """Whether a fact is one that outputs of one commit often differ by: of a few cues."""
    return fact.share <= MOST_OF_NOISE and _is_of_cues(key_of(fact))


def noise_of(subject: Subject, stability: Stability, known: Known) -> Noise:
    """The noise of a test, by the outputs that prove it."""
    found = [fact for each in stability.evidence for fact in facts_between(subject, each.came, each.other, known)]
    return Noise(keys_of(found), max((fact.share for fact in found), default=0.0))


def _is_of_cues(key: Key) -> bool:
    kind, parameter = key
    if kind == "cues.lost" and parameter in _ONE_END:
        return False
    return kind.startswith(_CUES) or kind.startswith("time.") and kind.endswith(_SHAPES)
