"""Formats with a cue on each line: timed transcripts, UCLA's, ASS, SCC, and transcripts without times."""
from __future__ import annotations

import re
from collections.abc import Callable

from api.domain.captions.cue import CUE_LIMIT, Captions, Cue, Format
from api.domain.captions.formats.line_21 import line_21_cue, on_screen
from api.domain.captions.markup import read_line, read_lines
from api.domain.captions.times import calendar_time, clock_time, frame_time, time_form

_TIMED = re.compile(r"([0-9:.,;]{5,20})\|([0-9:.,;]{5,20})\|([^|\n]{0,40})\|(.*)$")
_UCLA = re.compile(r"([0-9]{14}\.[0-9]{1,3})\|([0-9]{14}\.[0-9]{1,3})\|([^|\n]{0,40}(?:\|[A-Z0-9]{3})?)\|(.*)$")
_DIALOGUE = re.compile(
    r"Dialogue: {0,4}([^,\n]{0,40}),([0-9:.]{1,20}),([0-9:.]{1,20}),([^,\n]{0,100},[^,\n]{0,100},[^,\n]{0,20},[^,\n]{0,20},[^,\n]{0,20},"
    r"[^,\n]{0,200}),(.*)$")
# CCExtractor writes "1.7" for 1.07: players read hundredths as a number.
_ONE_HUNDREDTH = re.compile(r"\.([0-9])$")
_ASS_BREAK = re.compile(r"\\[Nn]")
_SCC = re.compile(r"([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2})([:;.,])([0-9]{1,2})\s{1,4}([0-9a-fA-F]{4}(?: [0-9a-fA-F]{4}){0,400})\s{0,4}$")
# So many lines tell whether a file has a format.
_LOOKED_AT = 60


def _timed(line: str) -> Cue | None:
    found = _TIMED.match(line)
    if found is None:
        return None
    text, markup = read_line(found[4])
    form = f"{time_form(found[1])}|{time_form(found[2])}"
    return Cue(clock_time(found[1]), clock_time(found[2]), (text,), tuple(sorted(markup)), found[3], form)


def _ucla(line: str) -> Cue | None:
    found = _UCLA.match(line)
    if found is None:
        return None
    text, markup = read_line(found[4])
    return Cue(calendar_time(found[1]), calendar_time(found[2]), (text,), tuple(sorted(markup)), found[3])


def _dialogue(line: str) -> Cue | None:
    found = _DIALOGUE.match(line)
    if found is None:
        return None
    lines, markup = read_lines([part.replace("\\h", "\xa0") for part in _ASS_BREAK.split(found[5])])
    start, end = (_ONE_HUNDREDTH.sub(r".0\1", time) for time in found.group(2, 3))
    return Cue(clock_time(start), clock_time(end), lines, markup, f"{found[1]},{found[4]}", f"{time_form(start)},{time_form(end)}")


def _scc(line: str) -> Cue | None:
    found = _SCC.match(line)
    if found is None:
        return None
    return line_21_cue(frame_time(found[1], found[2], found[3], found[5]), bytes.fromhex(found[6]), found[4])


_READERS: tuple[tuple[Format, Callable[[str], Cue | None]], ...] = (
    (Format.UCLA, _ucla), (Format.TIMED_TRANSCRIPT, _timed), (Format.ASS, _dialogue), (Format.SCC, _scc))
# What stands in files of a format that may have no cue among their first lines.
_MARKS = {Format.ASS: "[Script Info]", Format.SCC: "Scenarist_SCC"}


def read_rows(text: str) -> Captions | None:
    """A file with a cue on each line; None where no line of its beginning is one."""
    lines = text.split("\n")
    beginning = [line for line in lines[:_LOOKED_AT] if line.strip()]
    for format, reader in _READERS:
        if (mark := _MARKS.get(format)) and mark in text or any(map(reader, beginning)):
            return _rows(format, reader, lines)
    return None


def _rows(format: Format, reader: Callable[[str], Cue | None], lines: list[str]) -> Captions:
    cues: list[Cue] = []
    frame: list[str] = []
    is_cut = False
    for line in lines:
        cue = reader(line)
        if cue is not None and len(cues) == CUE_LIMIT:
            is_cut = True
            break
        if cue is not None:
            cues.append(cue)
        elif line.strip():
            frame.append(line)
    return Captions(format, tuple(on_screen(cues) if format is Format.SCC else cues), tuple(frame), is_cut=is_cut)


def read_transcript(text: str) -> Captions:
    """Any text: each line that is not blank is a cue without times."""
    lines = [line for line in text.split("\n") if line.strip()]
    cues = tuple(Cue(None, None, *_line(line)) for line in lines[:CUE_LIMIT])
    return Captions(Format.TRANSCRIPT, cues, (), is_cut=len(lines) > CUE_LIMIT)


def _line(line: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    text, markup = read_line(line)
    return (text,), tuple(sorted(markup))
