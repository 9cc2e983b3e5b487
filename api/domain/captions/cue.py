"""A cue, and a file of cues, as every format's reader makes them."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

# Of a longer file only so many cues are read.
CUE_LIMIT = 4_000


class Format(StrEnum):
    """The families of formats that are told apart."""

    SRT = "srt"
    WEBVTT = "webvtt"
    TIMED_TRANSCRIPT = "timed transcript"
    UCLA = "ucla"
    ASS = "ass"
    SCC = "scc"
    TTML = "ttml"
    SAMI = "sami"
    RAW = "raw"
    TRANSCRIPT = "transcript"


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown, from `start` to `end` in milliseconds; None where the format, or the file, does not tell.

    `lines` are without tags; `markup` are the tags' meanings, sorted, as pairs of a name and a value. `settings` is what else stands
    beside the times, and `time_form` is how these are written, with each digit as N.
    """

    start: int | None
    end: int | None
    lines: tuple[str, ...]
    markup: tuple[tuple[str, str], ...] = ()
    settings: str = ""
    time_form: str = ""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Captions:
    """A file: its cues in order, and as `frame` the lines that belong to none. `first_number` is what the first cue is numbered with.

    `is_cut` says that there are more cues than were read.
    """

    format: Format
    cues: tuple[Cue, ...]
    frame: tuple[str, ...]
    first_number: int | None = None
    is_cut: bool = False


def first_cues(cues: Iterable[Cue]) -> tuple[tuple[Cue, ...], bool]:
    """As many cues as are read of a file, and whether there are more."""
    remaining: Iterator[Cue] = iter(cues)
    taken = tuple(islice(remaining, CUE_LIMIT))
    return taken, next(remaining, None) is not None


def folded(text: str) -> str:
    """A text by which cues find each other: one space between words, no difference of case."""
    return " ".join(text.split()).casefold()
