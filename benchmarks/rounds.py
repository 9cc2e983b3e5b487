"""Rounds of measurements that alternate between candidates, so that what disturbs the machine disturbs all alike."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median


def interleaved(candidates: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure each candidate once per round; every second round goes backwards."""
    figures: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds):
        for name in list(candidates)[::-1 if number % 2 else 1]:
            figures[name].append(candidates[name]())
    return figures


def ratios(figures: Mapping[str, Sequence[float]], to: str) -> dict[str, float]:
    """The median of each candidate's ratios to another one, round by round."""
    return {
        name: median(value / reference for value, reference in zip(values, figures[to], strict=True))
        for name, values in figures.items()}


def spread(values: Sequence[float]) -> str:
    """The least and the greatest value."""
    return f"{min(values):.4g} … {max(values):.4g}"
