"""What is different about two texts apart from their lines: marks, encodings, ends of lines."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from api.domain.captions.fact import Fact
from api.domain.captions.frame_facts import masked
from api.domain.text.decoding import Encoding, Text, read_text

_ENDS = "\r\n"


@dataclass(frozen=True, slots=True)
class Written:
    """A text and how it was written; `lines` is the text with newlines alone for ends of lines."""

    encoding: Encoding
    is_marked: bool
    line_end: str
    lines: str

    @classmethod
    def of(cls, content: bytes) -> Written:
        """How a file is written."""
        read: Text = read_text(content)
        text = read.text
        return cls(read.encoding, read.is_marked, _line_end(text), text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text)


def _line_end(text: str) -> str:
    both = text.count("\r\n")
    found = {"crlf": both, "lf": text.count("\n") - both, "cr": text.count("\r") - both}
    used = [name for name, count in found.items() if count]
    return used[0] if len(used) == 1 else "mixed" if used else ""


def byte_facts(expected: Written, actual: Written) -> Iterator[Fact]:
    """Facts of the bytes, those that leave the lines as they are."""
    if expected.is_marked is not actual.is_marked:
        yield Fact("bytes.bom", "+" if actual.is_marked else "-")
    if expected.encoding is not actual.encoding:
        yield Fact("bytes.encoding", f"{expected.encoding}>{actual.encoding}")
    if expected.line_end != actual.line_end and expected.line_end and actual.line_end:
        yield Fact("bytes.eol", f"{expected.line_end}>{actual.line_end}")


def end_fact(expected: Written, actual: Written) -> Fact | None:
    """The fact that files that both have a last line have not as many newlines behind it; None where they have."""
    one, other = (len(each.lines) - len(each.lines.rstrip(_ENDS)) for each in (expected, actual))
    if one == other or len(expected.lines) == one or len(actual.lines) == other:
        return None
    return Fact("bytes.end", "+" if other > one else "-")


def is_equal_but_for_end(expected: Written, actual: Written) -> bool:
    """Whether two texts differ in nothing but the newlines at their ends."""
    return expected.lines.rstrip(_ENDS) == actual.lines.rstrip(_ENDS)


def first_difference(expected: bytes, actual: bytes) -> str:
    """The first line that is not equal, of `expected` where it has one: digits as #, at most 40 characters."""
    one, other = (Written.of(content).lines.split("\n") for content in (expected, actual))
    pair = next(((left, right) for left, right in zip_longest(one, other) if left != right), ("", ""))
    return masked(pair[0] or pair[1] or "")
