"""The state of the system, from the states of what it depends on."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that the server depends on: `status` is ok, degraded or down; without a `vital` one the system is down."""

    name: str
    status: str
    message: str | None = None
    vital: bool = False


def overall(dependencies: Iterable[Dependency]) -> str:
    """`down` when a vital dependency is, `degraded` when anything is not ok, else `ok`."""
    states = {("down" if each.vital and each.status == "down" else "degraded") for each in dependencies if each.status != "ok"}
    return "down" if "down" in states else "degraded" if states else "ok"
