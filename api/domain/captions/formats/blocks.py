"""SRT and WebVTT: a line of times with an arrow, a number before it, and text up to a blank line."""
from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from api.domain.captions.cue import CUE_LIMIT, Captions, Cue, Format
from api.domain.captions.markup import read_lines
from api.domain.captions.times import clock_time, time_form

ARROW = "-->"
_WEBVTT = "WEBVTT"
_NUMBER = re.compile(r"\s{0,4}([0-9]{1,9})\s{0,4}$")
_END = re.compile(r"\s{0,4}([0-9:.,;]{1,20})")


def read_blocks(text: str) -> Captions | None:
    """A file of cues with arrows; None where there is neither an arrow nor WebVTT's mark."""
    if ARROW not in text and not text.startswith(_WEBVTT):
        return None
    lines = text.split("\n")
    places = [index for index, line in enumerate(lines) if ARROW in line]
    is_cut = len(places) > CUE_LIMIT
    # What stands behind the last cue that is read is no frame.
    lines = lines[:places[CUE_LIMIT]] if is_cut else lines
    places = places[:CUE_LIMIT]
    numbers = [_number_before(lines, place) for place in places]
    cues, taken = [], set(places)
    for place, following in pairwise([*places, len(lines)]):
        end = _text_end(lines, place + 1, following)
        taken.update(range(place + 1, end))
        cues.append(_cue(lines[place], lines[place + 1:end]))
    taken.update(place - 1 for place, number in zip(places, numbers, strict=True) if number is not None)
    frame = tuple(line for index, line in enumerate(lines) if index not in taken and line.strip())
    return Captions(_format(text, numbers), tuple(cues), frame, next(iter(numbers), None), is_cut)


def _format(text: str, numbers: Sequence[int | None]) -> Format:
    return Format.WEBVTT if text.startswith(_WEBVTT) or not any(number is not None for number in numbers) else Format.SRT


def _number_before(lines: Sequence[str], place: int) -> int | None:
    """The number in the line before the times; None where there is none."""
    found = _NUMBER.match(lines[place - 1]) if place else None
    return int(found[1]) if found else None


def _text_end(lines: Sequence[str], start: int, following: int) -> int:
    """Where a cue's text ends: at a blank line, or before the number of the next cue."""
    for index in range(start, following):
        if not lines[index].strip():
            return index
    return following - 1 if following < len(lines) and following > start and _NUMBER.match(lines[following - 1]) else following


def _cue(times: str, lines: list[str]) -> Cue:
    before, _, behind = times.partition(ARROW)
    found = _END.match(behind)
    end = found[1] if found else ""
    settings = behind[found.end():] if found else behind
    texts, markup = read_lines(lines)
    return Cue(
        clock_time(before), clock_time(end), texts, markup, " ".join(settings[:200].split()),
        f"{time_form(before.strip())} {ARROW} {time_form(end)}")
