"""The health of the system, from the health of its dependencies."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

OK, DEGRADED, DOWN = "ok", "degraded", "down"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing that the server depends on; with `ok` the words are for information alone."""

    status: str = OK
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that the server depends on: `status` is ok, degraded or down; without a `vital` one the system is down."""

    name: str
    status: str
    message: str | None = None
    vital: bool = False


def overall(dependencies: Iterable[Dependency]) -> str:
    """`down` when a vital dependency is, `degraded` when anything is not ok, else `ok`."""
    states = {(DOWN if each.vital and each.status == DOWN else DEGRADED) for each in dependencies if each.status != OK}
    return DOWN if DOWN in states else DEGRADED if states else OK
