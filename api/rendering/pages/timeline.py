"""Cues on a timeline: where they should stand, where they stand, and by how much their times moved."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The picture's own units: between which places cues stand, from where down and how high those of each file, and the middle of the
# offsets, with how far they go up and down.
LEFT, RIGHT = 92, 940
LANES, HEIGHT = {"expected": 16, "actual": 56}, 30
MIDDLE, REACH = 140, 34
TICKS, CLOSE_CUES = 6, 7
COLUMNS = ("start", "end")
STEPS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 3_600_000)
# How wide a bar is at least, what is left free behind a wider one, and how near to each other two become one.
LEAST_BAR, GAP, TOUCHING = 2.0, 1.0, 0.5
# What became of cues, in the order in which it is drawn: the same lie below all that differ.
OPS = ("same", "moved", "changed", "lost", "extra")


@dataclass(frozen=True, slots=True)
class Picture:
    """Cues on a timeline, as paths of SVG.

    `bars` are the cues of both files by what became of them, `dots` the offsets of starts and of ends. `ticks` are places and their
    times in milliseconds, `most` is the greatest offset, 0 where nothing moved.
    """

    bars: Mapping[str, str]
    dots: Mapping[str, str]
    ticks: tuple[tuple[float, int], ...]
    most: int
    cue_count: int


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: int
    end: int

    def x(self, time: int) -> float:
        return round(LEFT + (time - self.begin) / (self.end - self.begin) * (RIGHT - LEFT), 1)


def pictures_of(places: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """The picture of all these cues, and one of the first that moved or changed with those around it; none of cues without times."""
    timed = [each for each in places if any(side and side[0] is not None for side in (each["expected"], each["actual"]))]
    if not timed:
        return []
    timed.sort(key=_begin)
    first = next((place for place, each in enumerate(timed) if _op(each) != "same"), None)
    if first is None or len(timed) <= CLOSE_CUES:
        return [_picture(timed)]
    start = min(max(0, first - CLOSE_CUES // 3), len(timed) - CLOSE_CUES)
    return [_picture(timed), _picture(timed[start:start + CLOSE_CUES])]


def _begin(each: Mapping[str, Any]) -> int:
    begin: int = min(side[0] for side in (each["expected"], each["actual"]) if side and side[0] is not None)
    return begin


def _op(each: Mapping[str, Any]) -> str:
    return each["op"] or ("same" if list(each["expected"]) == list(each["actual"]) else "moved")


def _picture(places: Sequence[Mapping[str, Any]]) -> Picture:
    times = [time for each in places for side in (each["expected"], each["actual"]) for time in side or () if time is not None]
    scale = _Scale(min(times), max(max(times), min(times) + 1))
    moves = [(column, time, ms) for each in places for column, time, ms in _moves(each)]
    most = max((abs(ms) for _, _, ms in moves), default=0)
    dots = dict.fromkeys((column, round(scale.x(time)), round(MIDDLE - ms / most * REACH)) for column, time, ms in moves if most)
    return Picture(
        {op: path for op in OPS if (path := "".join(_bars([each for each in places if _op(each) == op], scale)))},
        {name: path for name in COLUMNS if (path := "".join(f"M{x} {y}h0" for column, x, y in dots if column == name))},
        tuple(_ticks(scale)), most, len(places))


def _moves(each: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    if each["expected"] is None or each["actual"] is None:
        return
    for column, before, after in zip(COLUMNS, each["expected"], each["actual"], strict=True):
        if before is not None and after is not None:
            yield column, before, after - before


def _bars(places: Sequence[Mapping[str, Any]], scale: _Scale) -> Iterator[str]:
    """The bars of these cues, a path each; those that touch each other are one, so that no file has more than a picture can show."""
    for side, top in LANES.items():
        spans = sorted(_span(scale, *each[side]) for each in places if each[side] is not None and each[side][0] is not None)
        for left, right in _merged(spans):
            yield f"M{left:g} {top}h{right - left:.1f}v{HEIGHT}H{left:g}z"


def _span(scale: _Scale, start: int, end: int | None) -> tuple[float, float]:
    left = scale.x(start)
    return left, max(left + LEAST_BAR, scale.x(start if end is None else end) - GAP)


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for left, right in spans:
        if found and left <= found[-1][1] + TOUCHING:
            found[-1] = found[-1][0], max(found[-1][1], right)
        else:
            found.append((left, right))
    return found


def _ticks(scale: _Scale) -> Iterator[tuple[float, int]]:
    length = scale.end - scale.begin
    step = next((each for each in STEPS if length / each <= TICKS), STEPS[-1] * (1 + length // STEPS[-1] // TICKS))
    time = -(-scale.begin // step) * step
    while time <= scale.end:
        yield scale.x(time), time
        time += step
