"""Signs: the facts of a failing test that tell of its causes, each with the part of the line in which it came."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from sys import maxsize

from api.domain.captions.fact import Fact
from api.domain.causes.came import Facts, telling
from api.domain.causes.key import Key, key_of, keys_of, lasts
from api.domain.causes.noise import Noise
from api.domain.causes.step import NOW, Step, hides


@dataclass(frozen=True, slots=True)
class Sign:
    """A fact that came at the place `first` of the line at the latest, and was not there yet at `before`.

    `is_noise` where the test shows it now and then, whatever the commit.
    """

    fact: Fact
    first: int = NOW
    before: int = maxsize
    is_noise: bool = False

    @property
    def key(self) -> Key:
        """What the fact has in common with others of one cause."""
        return key_of(self.fact)


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of a test and the steps that they came with, the nearest first."""

    signs: tuple[Sign, ...]
    steps: tuple[Step, ...]


def signs_of(steps: Sequence[Step], against: Sequence[Facts], places: Sequence[int], noise: Noise, *, ends_well: bool) -> Signs:
    """The signs of a test, by its steps, the nearest first.

    `against` has for each stretch what is different from what is expected, `places` its oldest run's place; the last one passes where
    it `ends_well`. A step lasts if something of it was different ever since, as far as can be seen, and is now. What is different now
    in words that no such step has came when these words did.
    """
    found: list[Sign] = []
    steps = _without_undone(steps)
    for index, step in enumerate(steps):
        since = [against[0], *(each for each in against[1:index + 1] if not hides(each))]
        found += [
            Sign(fact, step.first, step.before) for fact in telling(noise.without(step.facts))
            if all(lasts(fact, each) for each in since)]
    if not ends_well:
        found += [Sign(fact, places[-1]) for fact in telling(noise.without(against[-1])) if lasts(fact, against[0])]
    told = [sign.fact for sign in found]
    for fact in telling(noise.without(against[0])):
        if not lasts(fact, told):
            index = _since(key_of(fact), against)
            found.append(Sign(fact, *((steps[index].first, steps[index].before) if index < len(steps) else (places[-1], maxsize))))
    places_told = {(sign.first, sign.before) for sign in found}
    found += [Sign(fact, is_noise=True) for fact in telling(against[0]) if noise.has(fact)]
    return Signs(tuple(dict.fromkeys(found)), tuple(step for step in steps if (step.first, step.before) in places_told))


def _without_undone(steps: Sequence[Step]) -> list[Step]:
    """The steps without constants by which times moved once there and once back."""
    undone: set[tuple[int, Fact]] = set()
    for index, step in enumerate(steps):
        for fact in step.facts:
            if (index, fact) in undone or not fact.kind.endswith(".const"):
                continue
            back = ((older, each) for older in range(index + 1, len(steps)) for each in steps[older].facts if _is_opposite(fact, each))
            there = next((each for each in back if each not in undone), None)
            if there is not None:
                undone |= {(index, fact), there}
    return [replace(step, facts=tuple(fact for fact in step.facts if (index, fact) not in undone)) for index, step in enumerate(steps)]


def _is_opposite(one: Fact, other: Fact) -> bool:
    return one.kind == other.kind and {one.parameter[:1], other.parameter[:1]} == {"+", "-"} and one.parameter[1:] == other.parameter[1:]


def _since(key: Key, against: Sequence[Facts]) -> int:
    """The oldest of the stretches, nearest first, of which all show a key, those left aside that hide what they show."""
    found = 0
    for index, facts in enumerate(against):
        if key in keys_of(facts):
            found = index
        elif not hides(facts):
            break
    return found
