"""Signs: the facts of a failing test that tell of its causes, each with the part of the line in which it came."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    it `ends_well`. A step lasts if something of it was different ever since, as far as can be seen, and is now.
    """
    found: list[Sign] = []
    lasting: list[Step] = []
    for index, step in enumerate(steps):
        since = [against[0], *(each for each in against[1:index + 1] if not hides(each))]
        told = [fact for fact in telling(noise.without(step.facts)) if all(lasts(fact, each) for each in since)]
        if not told and not hides(against[index + 1]):
            told = _new_facts(against, index, noise)
        found += [Sign(fact, step.first, step.before) for fact in told]
        lasting += [step] if told else []
    if not ends_well:
        found += [Sign(fact, places[-1]) for fact in telling(noise.without(against[-1])) if lasts(fact, against[0])]
    if not found:
        found += [Sign(fact, *_range(steps)) for fact in telling(noise.without(against[0]))]
        lasting += list(steps[:1]) if found else []
    found += [Sign(fact, is_noise=True) for fact in telling(against[0]) if noise.has(fact)]
    return Signs(tuple(dict.fromkeys(found)), tuple(lasting))


def _range(steps: Sequence[Step]) -> tuple[int, int]:
    return (steps[0].first, steps[0].before) if steps else (NOW, maxsize)


def _new_facts(against: Sequence[Facts], index: int, noise: Noise) -> list[Fact]:
    """What is different from what is expected since a step and still is now, where the step itself is told in other words."""
    now, before = keys_of(against[0]), keys_of(against[index + 1])
    return [fact for fact in telling(noise.without(against[index])) if key_of(fact) in now and key_of(fact) not in before]
