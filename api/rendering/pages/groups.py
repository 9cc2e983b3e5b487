"""Failures in groups: by their causes, or by their categories."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.domain.causes.analysis import Cause

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Failures as triage tells them, of one cause or one category; neither for those of which no cause is known."""

    failures: Sequence[Json]
    cause: Json | None = None
    category: str | None = None


def by_cause(failures: Sequence[Json], causes: Sequence[Cause], clusters: Sequence[Json]) -> list[Group]:
    """A group for each of the clusters, which are those of the first causes; each failure is in that of its first cause."""
    left = {each["regression_id"]: each for each in failures}
    members = {cause.cluster.class_id: cause.cluster.regression_ids for cause in causes}
    groups = [
        Group([left.pop(each) for each in members.get(cluster["class_id"], ()) if each in left], cause=cluster) for cluster in clusters]
    return [*groups, Group(list(left.values()))] if left else groups


def by_category(failures: Sequence[Json]) -> list[Group]:
    """A group for each category, the largest first."""
    groups: dict[str, list[Json]] = {}
    for each in failures:
        groups.setdefault(each["category"], []).append(each)
    return [Group(found, category=name) for name, found in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))]
