"""The first bad commit: of a failing test by its steps, of a cluster by what is common to those of its tests."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from api.domain.causes.came import Facts
from api.domain.causes.clustering import key_of
from api.domain.causes.step import Step, Walk

# So many runs in a row that keep a step confirm it.
CONFIRMING_RUNS = 3


class FirstBadState(StrEnum):
    """How sure a first bad commit is: seen in one or two runs, kept by three, or older than what was looked at."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    AT_LEAST = "at_least"


@dataclass(frozen=True, slots=True)
class FirstBad:
    """The first tested commit that failed so, or one of the `untested` commits between it and `good_commit`, nearest to it first.

    `good_commit` is None where no run before it is known, `is_earliest` where the tests of a cluster do not agree and this is the
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


def first_bad_of(found: Walk, steps: Sequence[Step], now: Facts) -> tuple[FirstBad, ...]:
    """Where a test's failure came in: the steps, newest first, of which something is among what is different `now`, not pruned.

    Where none is, the newest step; where there is no step, the oldest run that was looked at.
    """
    keys = {key_of(fact) for fact in now}
    lasting = [step for step in steps if keys & {key_of(fact) for fact in step.facts}] or list(steps[:1])
    if not lasting:
        oldest = found.oldest
        return (FirstBad(oldest.commit, oldest.run_id, FirstBadState.AT_LEAST, is_assumed=oldest.is_assumed),)
    return tuple(_first_bad(step, found, is_newest=step is steps[0]) for step in lasting)


def _first_bad(step: Step, found: Walk, *, is_newest: bool) -> FirstBad:
    confirmed = not is_newest or found.kept >= CONFIRMING_RUNS
    return FirstBad(
        step.commit, step.run_id, FirstBadState.CONFIRMED if confirmed else FirstBadState.CANDIDATE, step.from_commit, step.from_run_id,
        step.untested, step.is_assumed)


def cluster_first_bad(members: Sequence[Sequence[FirstBad]]) -> FirstBad | None:
    """The first bad commit of tests that fail for one cause: what most of them have, else the earliest run's; None where none is known."""
    counts = Counter(each.run_id for firsts in members for each in firsts)
    if not counts:
        return None
    chosen = min(counts, key=lambda run_id: (-counts[run_id], run_id))
    found = next(each for firsts in members for each in firsts if each.run_id == chosen)
    return replace(found, is_earliest=2 * counts[chosen] < len(members))
