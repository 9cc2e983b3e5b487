"""Cues as a picture."""
from __future__ import annotations

from typing import Any

from api.rendering.pages.timeline import LEFT, OPS, RIGHT, Picture, pictures_of


def cue(number: int, *, by: int = 0, op: str | None = None, every: int = 3_000) -> dict[str, Any]:
    """The place of a cue of two and a half seconds, whose end moved by so many milliseconds."""
    start = number * every
    return {"op": op, "expected": None if op == "extra" else [start, start + 2_500],
            "actual": None if op == "lost" else [start, start + 2_500 + by]}


def bars(picture: Picture, op: str) -> int:
    """How many bars there are of cues of which this became."""
    return picture.bars[op].count("M")


def test_cues_that_follow_each_other_are_bars_of_their_own() -> None:
    whole, = pictures_of([cue(number, every=2_500) for number in range(5)])

    assert bars(whole, "same") == 2 * 5


def test_however_many_cues_a_film_has_its_picture_is_small_and_shows_each_that_differs() -> None:
    film = [cue(number, by=-40 * (number == 1_990), op={1_500: "lost", 1_600: "extra", 1_700: "changed"}.get(number))
            for number in range(2_000)]

    whole, close = pictures_of(film)

    assert tuple(whole.bars) == OPS
    assert [bars(whole, op) for op in OPS[1:]] == [2, 2, 1, 1]
    assert sum(map(len, (*whole.bars.values(), *whole.dots.values()))) < 20_000
    assert close.cue_count < 10 and "lost" in close.bars


def test_no_bar_is_too_narrow_to_be_seen_or_leaves_the_picture() -> None:
    whole, = pictures_of([cue(number, every=900_000) for number in range(5)])

    starts = [float(each.partition(" ")[0]) for each in whole.bars["same"].split("M")[1:]]
    widths = [float(each.partition("v")[0]) for each in whole.bars["same"].split("h")[1:]]
    assert min(widths) >= 2
    assert min(starts) >= LEFT and max(starts) <= RIGHT
