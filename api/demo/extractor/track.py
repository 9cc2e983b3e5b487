"""Captions as they are between reading and writing."""
import re
from collections.abc import Sequence
from dataclasses import dataclass

TAG = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>")


@dataclass(frozen=True)
class Cue:
    """A caption: when it is shown, in milliseconds, its text, with SubRip's tags, and its place on a numeric keypad."""

    start: int
    end: int
    text: str
    place: int | None = None

    @property
    def plain(self) -> str:
        """The text without any tags."""
        return TAG.sub("", self.text)


@dataclass(frozen=True)
class Track:
    """A caption track of a file: a language's code of three letters, what its captions are written in, and they themselves."""

    language: str
    codec: str
    cues: Sequence[Cue]


class Unreadable(Exception):
    """What was given is no media that can be read."""


def milliseconds(hours: str, minutes: str, seconds: str, fraction: str) -> int:
    """A time of day; the fraction has two or three digits."""
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))
