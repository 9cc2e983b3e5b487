"""Whether a regression test is nondeterministic: by outputs of the same commit that differ, or by outputs that never stay."""
from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from api.domain.causes.came import Came
from api.domain.results.failure_code import Attribution, FailureCode
from api.domain.runs.run import Platform

EVIDENCE_LIMIT = 5
# A test is suspected where its output changed in three of five adjacent runs, of so many of the main repository.
FEWEST_RUNS = 8
OFTEN = 0.6
# Of so many commits that were tested on two platforms, a test comes to the same on both for three of four where commits determine it;
# it is suspected where it does and does not by turns, of one commit in three of the main repository.
FEWEST_COMMITS, STEADY = 4, 0.75
FEWEST_TURNS, TURNS = 6, 1 / 3
# In so few runs it is only taken to be possible, where it changed in four of five.
FEW_RUNS, NEARLY_ALWAYS = 5, 0.8


class StabilityState(StrEnum):
    """Whether a test is known to be nondeterministic."""

    PROVEN = "proven"
    SUSPECTED = "suspected"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a test came to in a run. `expected` tells what it was to execute and what was expected of it; equal values, equal tests."""

    run_id: int
    commit: str
    platform: Platform
    expected: Hashable
    came: Came
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Nondeterminism:
    """Two runs of one commit, on one platform, in which a test came to something else."""

    run_id: int
    other_run_id: int
    commit: str
    came: Came
    other: Came


@dataclass(frozen=True, slots=True)
class Stability:
    """What is known of a test: `evidence` are the newest pairs of runs that prove it.

    `is_doubtful` where its output changed so often, or came to something else on another platform for the newest commit of both, that
    a change need not be a commit's, though too little is known to suspect it.
    """

    state: StabilityState = StabilityState.NONE
    evidence: tuple[Nondeterminism, ...] = ()
    is_doubtful: bool = False


STABLE = Stability()


def stability_of(sightings: Sequence[Sighting], platform: Platform | None = None) -> Stability:
    """Judge one test, perhaps on one platform alone, by its results in any order; runs are as old as their ids say.

    What infrastructure ends, such as a time limit, proves nothing.
    """
    everywhere = sorted((each for each in sightings if not _is_cut_short(each.came)), key=lambda each: each.run_id)
    told = [each for each in everywhere if platform in (None, each.platform)]
    groups: dict[tuple[str, Platform, Hashable], list[Sighting]] = {}
    for each in told:
        groups.setdefault((each.commit, each.platform, each.expected), []).append(each)
    found = sorted((each for group in groups.values() for each in _differing(group)), key=lambda each: -each.other_run_id)
    if found:
        return Stability(StabilityState.PROVEN, tuple(found[:EVIDENCE_LIMIT]))
    agreed = _agreements(everywhere)
    if len(agreed) >= FEWEST_COMMITS and sum(agreed) >= STEADY * len(agreed):
        return STABLE
    is_by_turns = _is_by_turns(_agreements([each for each in everywhere if each.is_main]))
    if is_by_turns or any(_changes(told, each, FEWEST_RUNS, OFTEN) for each in Platform):
        return Stability(StabilityState.SUSPECTED, is_doubtful=True)
    is_doubtful = agreed[-1:] == [False] or any(_changes(told, each, FEW_RUNS, NEARLY_ALWAYS) for each in Platform)
    return Stability(is_doubtful=is_doubtful)


def _is_cut_short(came: Came) -> bool:
    return came.ending is None or any(
        came.ending in each for code in FailureCode if code.attribution is Attribution.INFRASTRUCTURE for each in code.endings)


def _differing(group: Sequence[Sighting]) -> Iterator[Nondeterminism]:
    for one, other in pairwise(group):
        if one.came != other.came:
            yield Nondeterminism(one.run_id, other.run_id, one.commit, one.came, other.came)


def _agreements(told: Sequence[Sighting]) -> list[bool]:
    """Of each commit that was tested on several platforms, in order, whether the newest results there are the same."""
    groups: dict[tuple[str, Hashable], dict[Platform, Came]] = {}
    for each in told:
        groups.setdefault((each.commit, each.expected), {})[each.platform] = each.came
    return [all(came == other for came, other in pairwise(group.values())) for group in groups.values() if len(group) > 1]


def _is_by_turns(agreed: Sequence[bool]) -> bool:
    turns = sum(one != other for one, other in pairwise(agreed))
    return turns >= max(FEWEST_TURNS, TURNS * (len(agreed) - 1))


def _changes(told: Sequence[Sighting], platform: Platform, fewest: int, part: float) -> bool:
    """Whether the output changed in so large a part of adjacent runs of the main repository, of which there are enough."""
    came = [each.came for each in told if each.is_main and each.platform is platform]
    changed = sum(one != other for one, other in pairwise(came))
    return len(came) >= fewest and changed >= part * (len(came) - 1)
