"""The line of runs that a run comes from: what it is compared with, and since when its tests fail."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain

from api.domain.results.result import Verdict


class BaseReason(StrEnum):
    """Why a run was chosen as the base."""

    REQUESTED = "requested"
    MERGE_BASE = "merge_base"
    ANCESTOR = "ancestor"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Base:
    """The run that another is compared with, and why it was chosen."""

    run_id: int
    reason: BaseReason


@dataclass(frozen=True, slots=True)
class PastRun:
    """A finished run that came before, with its commit as stored.

    `is_own` says that it is of the same commit, or of the same pull request or branch of a fork; `is_assumed` that it is taken for an
    ancestor because it is older, since nobody said what the parents are.
    """

    run_id: int
    commit: str
    created_at: datetime
    environment_id: str | None = None
    is_own: bool = False
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The finished runs that a run comes from, the nearest first, and the commits of the main repository among its ancestors.

    `merge_base` is the commit at which the run's own left the main repository, where it says so. `evidence` names what each of the runs
    was judged by.
    """

    runs: tuple[PastRun, ...] = ()
    commits: tuple[str, ...] = ()
    merge_base: str | None = None
    evidence: tuple[str | None, ...] = ()

    @property
    def bases(self) -> tuple[PastRun, ...]:
        """The runs that are not of the run's own commits."""
        return tuple(run for run in self.runs if not run.is_own)

    @property
    def base(self) -> Base | None:
        """The nearest of those, and why it is it; None where there is none."""
        nearest = next(iter(self.bases), None)
        if nearest is None:
            return None
        if nearest.is_assumed:
            return Base(nearest.run_id, BaseReason.BEFORE)
        return Base(nearest.run_id, BaseReason.MERGE_BASE if nearest.commit == self.merge_base else BaseReason.ANCESTOR)

    def between(self, run_id: int) -> tuple[str, ...]:
        """The commits between the run and this one of its line, nearest first, as far as they are known: none of them was tested."""
        run = next((run for run in self.runs if run.run_id == run_id), None)
        if run is None or run.commit not in self.commits:
            # What is assumed to be an ancestor stands behind all those that are known.
            return self.commits if run is not None and run.is_assumed and not run.is_own else ()
        return self.commits[:self.commits.index(run.commit)]

    def nearest_results(self, verdicts: Mapping[int, Mapping[int, Verdict]], regression_ids: Collection[int]) -> dict[int, int]:
        """The nearest run that has a result of each of these tests, by regression id; `verdicts` by test and run."""
        found = {}
        for regression_id in regression_ids:
            known = verdicts.get(regression_id, {})
            run_id = next((run.run_id for run in self.bases if run.run_id in known and known[run.run_id].has_result), None)
            if run_id is not None:
                found[regression_id] = run_id
        return found


def in_order(placed: Sequence[tuple[int, PastRun]]) -> tuple[PastRun, ...]:
    """Runs with their distances, the nearest first, and of one distance the newest."""
    return tuple(run for _, run in sorted(placed, key=lambda each: (each[0], -each[1].run_id)))


def joined(*parts: Sequence[PastRun]) -> tuple[PastRun, ...]:
    """Runs of several lists one after the other, each once."""
    found: dict[int, PastRun] = {}
    for run in chain(*parts):
        found.setdefault(run.run_id, run)
    return tuple(found.values())
