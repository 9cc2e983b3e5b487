"""The first bad commit: of a failing test by its steps, of a cluster by what is common to those of its tests."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from api.domain.causes.step import Step, Walk

# So many runs that keep a step confirm it.
CONFIRMING_RUNS = 3


class FirstBadState(StrEnum):
    """How sure a first bad commit is: seen in one or two runs, kept by three, or older than what was looked at."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    AT_LEAST = "at_least"


@dataclass(frozen=True, slots=True)
class FirstBad:
    """The first tested commit that failed so, or one of the `untested` commits between it and `good_commit`, nearest to it first.

    `good_commit` is None where no run before it is known. `is_earliest` where the tests of a cluster do not agree, and this is the
    earliest of theirs.
    """

    commit: str
    run_id: int
    state: FirstBadState
    good_commit: str | None = None
    good_run_id: int | None = None
    untested: tuple[str, ...] = ()
    is_assumed: bool = False
    is_earliest: bool = False


def first_bad_of_step(step: Step) -> FirstBad:
    """The first bad commit that a step names."""
    state = FirstBadState.CONFIRMED if step.runs >= CONFIRMING_RUNS else FirstBadState.CANDIDATE
    return FirstBad(step.commit, step.run_id, state, step.from_commit, step.from_run_id, step.untested, step.is_assumed)


def oldest_bad(found: Walk) -> FirstBad:
    """The oldest run that was looked at, where nothing is known of what was before it."""
    oldest = found.stretches[-1].oldest
    return FirstBad(oldest.commit, oldest.run_id, FirstBadState.AT_LEAST, is_assumed=oldest.is_assumed)


def common_first_bad(steps: Sequence[Step], *, is_common: bool) -> FirstBad:
    """The first bad commit of several tests, by the steps that they share a cause in: within all of their ranges if `is_common`.

    That is the oldest of the bad runs and the newest of the good ones; else it is the earliest step of all.
    """
    oldest = max(steps, key=lambda step: (step.first, -step.run_id))
    found = replace(first_bad_of_step(max(steps, key=lambda step: step.runs)), is_earliest=not is_common)
    newest_good = min(steps, key=lambda step: (step.before, step.from_run_id)) if is_common else oldest
    untested = [commit for commit in oldest.untested if all(commit in step.untested for step in steps)] if is_common else oldest.untested
    return replace(
        found, commit=oldest.commit, run_id=oldest.run_id, good_commit=newest_good.from_commit, good_run_id=newest_good.from_run_id,
        untested=tuple(untested), is_assumed=any(step.is_assumed for step in steps))
