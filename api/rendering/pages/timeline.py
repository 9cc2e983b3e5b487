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
    """Places of times: `unit` is how much of the picture a millisecond takes."""

    begin: int
    end: int
    unit: float

    @classmethod
    def of(cls, times: Sequence[int]) -> _Scale:
        """The scale on which all these times have a place."""
        begin = min(times)
        end = max(max(times), begin + 1)
        return cls(begin, end, (RIGHT - LEFT) / (end - begin))

    def x(self, time: int) -> float:
        return LEFT + (time - self.begin) * self.unit


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
    scale = _Scale.of([time for each in places for side in (each["expected"], each["actual"]) for time in side or () if time is not None])
    moves = {column: _moves(places, index) for index, column in enumerate(COLUMNS)}
    most = max((abs(ms) for column in moves.values() for _, ms in column), default=0)
    by_op: dict[str, list[Mapping[str, Any]]] = {op: [] for op in OPS}
    for each in places:
        by_op[_op(each)].append(each)
    bars = {op: "".join(_bars(cues, scale)) for op, cues in by_op.items() if cues}
    dots = {column: _dots(of_column, scale, most) for column, of_column in moves.items() if most}
    return Picture(
        {op: path for op, path in bars.items() if path}, {column: path for column, path in dots.items() if path},
        tuple(_ticks(scale)), most, len(places))


def _moves(places: Sequence[Mapping[str, Any]], column: int) -> list[tuple[int, int]]:
    """The times of one column in the cues that both files have, each with by how many milliseconds it moved."""
    pairs = [(each["expected"][column], each["actual"][column]) for each in places if each["expected"] and each["actual"]]
    return [(before, after - before) for before, after in pairs if before is not None and after is not None]


def _dots(moves: Sequence[tuple[int, int]], scale: _Scale, most: int) -> str:
    rise = REACH / most
    places = dict.fromkeys([(round(scale.x(time)), round(MIDDLE - ms * rise)) for time, ms in moves])
    return "".join([f"M{x} {y}h0" for x, y in places])


def _bars(places: Sequence[Mapping[str, Any]], scale: _Scale) -> Iterator[str]:
    """The bars of these cues, a path each; those that touch each other are one, so that no file has more than a picture can show."""
    for side, top in LANES.items():
        spans = sorted([_span(scale, *each[side]) for each in places if each[side] is not None and each[side][0] is not None])
        for left, right in _merged(spans):
            shown = f"{round(left, 1):g}"
            yield f"M{shown} {top}h{right - left:.1f}v{HEIGHT}H{shown}z"


def _span(scale: _Scale, start: int, end: int | None) -> tuple[float, float]:
    left = scale.x(start)
    right = left if end is None else scale.x(end)
    return left, max(left + LEAST_BAR, right - GAP)


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
        yield round(scale.x(time), 1), time
        time += step
