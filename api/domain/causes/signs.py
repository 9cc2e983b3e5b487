"""Signs: the facts of a failing test that tell of its causes, each with the part of the line in which it came."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from sys import maxsize

from api.domain.captions.fact import Fact
from api.domain.causes.came import Facts, telling
from api.domain.causes.key import Key, key_of, keys_of
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
    it `ends_well`. A step lasts if something of it is still different now.
    """
    now = keys_of(against[0])
    found: list[Sign] = []
    lasting: list[Step] = []
    for index, step in enumerate(steps):
        told = telling(noise.without(step.facts))
        fresh = [fact for fact in told if key_of(fact) in now]
        if not fresh and not hides(against[index + 1]):
            fresh = _new_facts(against, index, now, noise)
        found += [Sign(fact, step.first, step.before) for fact in fresh]
        lasting += [step] if fresh else []
    if not ends_well:
        found += [
            Sign(fact, places[-1]) for fact in telling(noise.without(against[-1])) if key_of(fact) in now]
    if not found:
        found += [Sign(fact, *_range(steps)) for fact in telling(noise.without(against[0]))]
        lasting += list(steps[:1]) if found else []
    found += [Sign(fact, is_noise=True) for fact in telling(against[0]) if noise.has(fact)]
    return Signs(tuple(dict.fromkeys(found)), tuple(lasting))


def _range(steps: Sequence[Step]) -> tuple[int, int]:
    return (steps[0].first, steps[0].before) if steps else (NOW, maxsize)


def _new_facts(against: Sequence[Facts], index: int, now: frozenset[Key], noise: Noise) -> list[Fact]:
    """What is different from what is expected since a step and still is now, where the step itself is told in other words."""
    before = keys_of(against[index + 1])
    return [fact for fact in telling(noise.without(against[index])) if key_of(fact) in now and key_of(fact) not in before]
