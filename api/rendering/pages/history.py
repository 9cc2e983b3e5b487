"""How a regression test fared, as a strip for each platform."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from api.domain.results.history import HistoryEntry
from api.domain.runs.run import Platform

LEVELS = 5


@dataclass(frozen=True, slots=True)
class Stroke:
    """A run in a strip. `level` is from 1 to 5: how long the test took, against the longest. `is_step`: the output changed there."""

    entry: HistoryEntry
    level: int
    is_step: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """The runs of a platform, the oldest first; the shortest and the longest runtime in milliseconds, None where none is known."""

    platform: Platform
    strokes: tuple[Stroke, ...]
    shortest: int | None
    longest: int | None


def strips_of(history: Sequence[HistoryEntry], steps: Collection[int]) -> list[Strip]:
    """A strip for each platform that has a result; `steps` are the runs in which the output changed."""
    return [
        _strip(platform, found, steps) for platform in Platform
        if (found := [entry for entry in reversed(history) if entry.platform is platform])]


def _strip(platform: Platform, history: Sequence[HistoryEntry], steps: Collection[int]) -> Strip:
    known = [entry.runtime_ms for entry in history if entry.runtime_ms is not None]
    longest = max(known, default=None)
    strokes = (Stroke(entry, _level(entry.runtime_ms, longest), entry.run_id in steps) for entry in history)
    return Strip(platform, tuple(strokes), min(known, default=None), longest)


def _level(runtime: int | None, longest: int | None) -> int:
    return LEVELS if runtime is None or not longest else max(1, -(-LEVELS * max(0, runtime) // max(1, longest)))
