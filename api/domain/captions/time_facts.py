"""How the times of paired cues moved: by a constant, by a ratio, by rounding, or in single cues."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from api.domain.captions.cue import Cue
from api.domain.captions.fact import PLACES, Fact

# Parts of the pairs that must agree.
_CONSTANT, _DRIFT, _MANY = 0.8, 0.9, 0.25
_MOST_RATIO = 0.2
_FEWEST_FOR_DRIFT = 4
_DAY = 86_400_000
# Milliseconds within which a constant, a rounding and a drift are met: for times to the millisecond, and for those in hundredths.
_FINE, _COARSE = (1, 2, 3), (10, 10, 12)


@dataclass(frozen=True, slots=True)
class Shape:
    """How one column of times moved, and at which of the pairs."""

    kind: str
    parameter: str
    moved: tuple[int, ...]


def time_facts(pairs: Sequence[tuple[Cue, Cue]]) -> list[Fact]:
    """Facts of starts and ends; one for both where they moved in the same way. Places are indexes of pairs."""
    starts = _shape([(one.start, other.start) for one, other in pairs])
    if all(one.end is None and other.end is None for one, other in pairs):
        return _facts("any", starts, len(pairs))
    ends = _shape([(one.end, other.end) for one, other in pairs])
    if starts is not None and ends is not None and _same(starts, ends):
        merged = Shape(starts.kind, starts.parameter, tuple(sorted({*starts.moved, *ends.moved})))
        return _facts("both", merged, len(pairs))
    return [*_facts("start", starts, len(pairs)), *_facts("end", ends, len(pairs))]


def _same(starts: Shape, ends: Shape) -> bool:
    return starts.kind == ends.kind and (starts.kind != "const" or starts.parameter == ends.parameter)


def _facts(column: str, shape: Shape | None, total: int) -> list[Fact]:
    if shape is None:
        return []
    kind = "time.round" if shape.kind == "round" else f"time.{column}.{shape.kind}"
    return [Fact(kind, shape.parameter, round(len(shape.moved) / max(1, total), 4), shape.moved[:PLACES])]


def _shape(column: Sequence[tuple[int | None, int | None]]) -> Shape | None:
    """How a column moved; None where it did not."""
    told = [(index, one, other) for index, (one, other) in enumerate(column) if one is not None and other is not None]
    gone = [index for index, (one, other) in enumerate(column) if one is not None and other is None]
    moved = tuple(index for index, one, other in told if one != other)
    if len(gone) > len(column) * _MANY:
        return Shape("lost", "", tuple(gone))
    if not moved:
        return Shape("lost", "", tuple(gone)) if gone else None
    times = [(one, other) for _, one, other in told]
    coarse = [all(time % 10 == 0 for time in side) for side in zip(*times, strict=True)]
    within = _COARSE if all(coarse) else _FINE
    return (
        _round(times, moved, _COARSE[1] if any(coarse) else _FINE[1]) or _constant(times, moved, within[0])
        or _drift(times, moved, within[2]) or _single(moved, len(column)))


def _round(times: Sequence[tuple[int, int]], moved: tuple[int, ...], within: int) -> Shape | None:
    steps = {other - one for one, other in times}
    return Shape("round", "", moved) if len(steps) > 1 and max(map(abs, steps)) <= within else None


def _constant(times: Sequence[tuple[int, int]], moved: tuple[int, ...], within: int) -> Shape | None:
    mode = Counter(other - one for one, other in times).most_common(1)[0][0]
    if not mode:
        return None
    # A time that would have been negative is written as 0.
    agreeing = sum(abs(other - one - mode) <= within or (other == 0 and one + mode < 0) for one, other in times)
    return Shape("const", f"{mode:+d}", moved) if agreeing >= _CONSTANT * len(times) else None


def _drift(times: Sequence[tuple[int, int]], moved: tuple[int, ...], within: int) -> Shape | None:
    if len(times) < _FEWEST_FOR_DRIFT:
        return None
    if times[0][0] >= _DAY:
        # Times of a calendar are counted from the first cue on, since their zero is none of the file's.
        times = [(one - times[0][0], other - times[0][1]) for one, other in times]
    longest = max(time for time, _ in times)
    ratios = sorted((other - one) / one for one, other in times if 4 * one >= longest > 0)
    ratio = ratios[len(ratios) // 2] if ratios else 0.0
    if not ratio or abs(ratio) >= _MOST_RATIO:
        return None
    agreeing = sum(abs(other - one - ratio * one) <= within for one, other in times)
    return Shape("drift", f"{1 + ratio:.4f}", moved) if agreeing >= _DRIFT * len(times) else None


def _single(moved: tuple[int, ...], total: int) -> Shape:
    if moved in ((0,), (total - 1,)):
        return Shape("last" if moved[0] else "first", "", moved)
    return Shape("many" if len(moved) >= _MANY * total else "some", "", moved)
