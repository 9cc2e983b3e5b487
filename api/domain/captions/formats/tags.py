"""Formats of tags: TTML and its relatives, with a `<p>` for each cue, and SAMI with a `<SYNC>`."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from api.domain.captions.cue import CUE_LIMIT, Captions, Cue, Format
from api.domain.captions.markup import break_lines, read_lines
from api.domain.captions.times import offset_time, time_form

# So far a tag may reach; what is longer is none.
_P = re.compile(r"<(?:[a-z]{1,8}:)?p(\s[^<>]{0,1000})?>")
_P_ENDS = re.compile(r"</(?:[a-z]{1,8}:)?p\s{0,4}>")
_TTML = re.compile(r"<(?:[a-z]{1,8}:)?tt[\s>]|<p\s{1,20}begin")
_ATTRIBUTE = re.compile(r"""([A-Za-z:_.-]{1,40})\s{0,4}=\s{0,4}(?:"([^"<>]{0,300})"|'([^'<>]{0,300})')""")
_TIMES = frozenset({"begin", "end", "dur", "xml:id"})
_SYNC = re.compile(r"<SYNC\s{1,4}Start\s{0,4}=\s{0,4}[\"']?([0-9]{1,12})[\"']?[^<>]{0,200}>", re.IGNORECASE)
_SYNC_P = re.compile(r"<P(\s[^<>]{0,400})?>", re.IGNORECASE)
_SYNC_P_ENDS = re.compile(r"</P\s{0,4}>", re.IGNORECASE)
_SYNC_ENDS = re.compile(r"</SYNC\s{0,4}>|(?=</BODY)", re.IGNORECASE)
_SAMI = re.compile(r"<SAMI[\s>]|<SYNC\s", re.IGNORECASE)
# The mark of a format stands at the beginning.
_HEAD = 1 << 16
_BLANK = " \t\r\n\xa0"


def read_ttml(text: str) -> Captions | None:
    """A file with a `<p>` for each cue; None where there is none."""
    if _TTML.search(text, 0, _HEAD) is None:
        return None
    cues: list[Cue] = []
    frame: list[str] = []
    reached = 0
    for opening, end in _spans(_P, text):
        if len(cues) == CUE_LIMIT:
            return Captions(Format.TTML, tuple(cues), tuple(frame), is_cut=True)
        frame += _frame(text[reached:opening.start()])
        closing = _P_ENDS.search(text, opening.end(), end)
        cues.append(_paragraph(opening[1] or "", text[opening.end():closing.start() if closing else end]))
        reached = closing.end() if closing else end
    return Captions(Format.TTML, tuple(cues), (*frame, *_frame(text[reached:])))


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Each opening tag, and where the next one begins, or the text ends."""
    before: re.Match[str] | None = None
    for found in pattern.finditer(text):
        if before is not None:
            yield before, found.start()
        before = found
    if before is not None:
        yield before, len(text)


def _frame(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _paragraph(attributes: str, body: str) -> Cue:
    found = {name: double or single for name, double, single in _ATTRIBUTE.findall(attributes)}
    start, end = (offset_time(found[name]) if name in found else None for name in ("begin", "end"))
    if end is None and start is not None and "dur" in found:
        lasts = offset_time(found["dur"])
        end = None if lasts is None else start + lasts
    lines, markup = read_lines(break_lines(body))
    form = "|".join(time_form(found.get(name, "")) for name in ("begin", "end", "dur"))
    settings = " ".join(f"{name}={value}" for name, value in sorted(found.items()) if name not in _TIMES)
    return Cue(start, end, tuple(map(_without_layout, lines)), markup, settings[:200], form)


def _without_layout(line: str) -> str:
    """A line without the file's own line breaks and indents, which nobody is shown."""
    return " ".join(filter(None, (part.strip(" \t") for part in line.split("\n")))) if "\n" in line else line


def read_sami(text: str) -> Captions | None:
    """A file with a `<SYNC>` for each cue, of which a blank one ends the cue before it; None where there is none."""
    if _SAMI.search(text, 0, _HEAD) is None:
        return None
    cues: list[Cue] = []
    first = last = 0
    for opening, end in _spans(_SYNC, text):
        first = first or opening.start()
        closing = _SYNC_ENDS.search(text, opening.end(), end)
        last = closing.end() if closing else end
        cue = _sync(opening[1], text[opening.end():closing.start() if closing else end])
        if any(line.strip(_BLANK) for line in cue.lines):
            if len(cues) == CUE_LIMIT:
                return Captions(Format.SAMI, tuple(cues), tuple(_frame(text[:first])), is_cut=True)
            cues.append(cue)
        elif cues and cues[-1].end is None:
            cues[-1] = replace(cues[-1], end=cue.start)
    return Captions(Format.SAMI, tuple(cues), tuple(_sami_frame(text, first, last)))


def _sami_frame(text: str, first: int, last: int) -> Sequence[str]:
    return [*_frame(text[:first]), *_frame(text[last:])] if first else _frame(text)


def _sync(start: str, body: str) -> Cue:
    paragraph = _SYNC_P.search(body)
    body = _SYNC_P_ENDS.sub("", body[paragraph.end():] if paragraph else body)
    # Further paragraphs are shown below the first.
    lines, markup = read_lines(break_lines(_SYNC_P.sub("<br>", body)))
    return Cue(int(start), None, lines, markup, " ".join((paragraph[1] or "").split()) if paragraph else "")
