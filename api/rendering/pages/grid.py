"""Runs as a grid of commits and platforms."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.domain.runs.run import Platform, Run


@dataclass(frozen=True, slots=True)
class GridRow:
    """A commit, and its runs on each platform, the newest first. `first` is the newest of them all."""

    commit: str
    first: Run
    cells: Mapping[Platform, Sequence[Run]]


def grid_of(runs: Sequence[Run]) -> list[GridRow]:
    """The runs by commit and pull request, in the order of the newest run of each."""
    groups: dict[tuple[str, int | None, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.commit, run.pull_request, run.repository), []).append(run)
    return [
        GridRow(commit, found[0], {platform: [run for run in found if run.platform is platform] for platform in Platform})
        for (commit, _, _), found in groups.items()]
