"""Lines of a log as pages show them: without what a terminal would obey, cut, with the words that are looked for marked."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from api.rendering.pages.side_by_side import Part
from api.storage.text.log_lines import PlacedLine

# So many characters are shown of a line, and of the one that was asked for.
WIDTH, WHOLE_WIDTH = 400, 4_000
# So many characters of HTML all lines may take together; the first ones are shown in any case.
BUDGET, FIRST_LINES = 80_000, 25
# What is around a part, and around a line.
PART_SIZE, LINE_SIZE = 16, 40
_SEQUENCE = re.compile(r"\x1b\][^\x07\x1b\n]{0,4000}(?:\x07|\x1b\\)|\x1b\[[0-?]{0,40}[ -/]{0,4}[@-~]|\x1b[ -/]{0,4}[0-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a log in its parts, of which those with the words are changed ones; `is_cut` where it is longer."""

    number: int
    parts: tuple[Part, ...]
    is_cut: bool


def as_printed(text: str) -> str:
    """What is to be seen of a line on a terminal in the end, without colours."""
    plain = _SEQUENCE.sub("", text) if "\x1b" in text else text
    return _CONTROL.sub("", plain.rstrip("\r").rpartition("\r")[2])


def shown_lines(lines: Sequence[PlacedLine], words: str = "", wanted: int | None = None) -> list[ShownLine]:
    """The first of these lines, as many as a page has room for."""
    shown = (_shown(line, words, WHOLE_WIDTH if line.number == wanted else WIDTH) for line in lines)
    return list(_fitting(shown, LINE_SIZE + 3 * len(words)))


def _fitting(lines: Iterator[ShownLine], around: int) -> Iterator[ShownLine]:
    size = 0
    for place, line in enumerate(lines):
        size += around + sum(PART_SIZE + len(escape(part.text)) for part in line.parts)
        if place >= FIRST_LINES and size > BUDGET:
            return
        yield line


def _shown(line: PlacedLine, words: str, width: int) -> ShownLine:
    text = as_printed(line.text)
    at = _lower(text).find(_lower(words)) if words else -1
    start = max(0, at - width // 4) if at + len(words) > width else 0
    shown = text[start:start + width]
    return ShownLine(line.number, _marked(shown, words), line.is_cut or len(shown) < len(text))


def _marked(text: str, words: str) -> tuple[Part, ...]:
    if not words:
        return (Part(text, False),)
    plain, sought = _lower(text), _lower(words)
    parts, start = [], 0
    while (at := plain.find(sought, start)) >= 0:
        end = at + len(sought)
        parts += [Part(text[start:at], False), Part(text[at:end], True)]
        start = end
    return tuple(part for part in (*parts, Part(text[start:], False)) if part.text)


def _lower(text: str) -> str:
    """A text without the case of ASCII's letters, character for character."""
    return text.translate(_LOWER)


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
