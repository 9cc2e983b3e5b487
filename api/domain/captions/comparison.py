"""Two files of captions beside each other: their cues and what stands around these, stage by stage."""
from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from api.domain.captions.alignment import Alignment, align
from api.domain.captions.cue import Captions, Format
from api.domain.captions.cue_facts import Paired, attribute_facts, count_facts, is_another_text, text_facts
from api.domain.captions.fact import PLACES, Fact, fact_of
from api.domain.captions.formats.reading import read_captions
from api.domain.captions.frame_facts import frame_facts
from api.domain.captions.time_facts import time_facts

# So many lines of a cue that broke off may be read as frame.
_BEGUN = 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two files and how they came: `lines` is how many the expected one has, `is_capped` where more of them is not looked at.

    `is_cut` says that the program died and wrote fewer cues.
    """

    expected: Captions
    actual: Captions
    lines: int
    is_capped: bool
    is_cut: bool


def compared(expected: Captions, actual: Captions, lines: int, *, is_capped: bool, crashed: bool) -> Comparison:
    """Two files, without the cues that are not whole because the files are not."""
    is_capped = is_capped or expected.is_cut or actual.is_cut
    is_cut = crashed and len(actual.cues) < len(expected.cues)
    if is_capped:
        expected = replace(expected, cues=expected.cues[:-1])
    if is_capped or is_cut:
        actual = replace(actual, cues=actual.cues[:-1])
    return Comparison(expected, actual, lines, is_capped, is_cut)


def read_both(expected: str, actual: str, *, is_capped: bool, crashed: bool) -> Comparison:
    """Two texts whose lines end in newlines alone."""
    one, other = read_captions(expected), read_captions(actual)
    if other.format is Format.TRANSCRIPT and one.format is not Format.TRANSCRIPT and _lines(actual) <= set(one.frame):
        other = Captions(one.format, (), tuple(line for line in actual.split("\n") if line.strip()))
    found = compared(one, other, len(_lines(expected)), is_capped=is_capped, crashed=crashed)
    if found.is_cut:
        found = replace(found, actual=replace(found.actual, frame=_without_begun_cue(other.frame, actual, set(one.frame))))
    return found


def _without_begun_cue(frame: tuple[str, ...], text: str, known: Container[str]) -> tuple[str, ...]:
    """The frame of a file that breaks off without its last lines, where these are the number and half the times of a cue."""
    for line in reversed(text.rstrip("\n").split("\n")[-_BEGUN:]):
        if not frame or frame[-1] != line or line in known:
            break
        frame = frame[:-1]
    return frame


def _lines(text: str) -> set[str]:
    return {line for line in text.split("\n") if line.strip()}


def aligned(both: Comparison) -> Paired:
    """The cues of two files with their partners."""
    return Paired.of(both.expected, both.actual, _within_limit(align(both.expected.cues, both.actual.cues), both))


def captions_facts(both: Comparison) -> Iterator[list[Fact]]:
    """The facts of two files, stage by stage."""
    expected, actual = both.expected, both.actual
    if expected.cues and not actual.cues:
        yield [Fact("cues.none")]
        return
    same_format = expected.format is actual.format
    if same_format:
        yield _number_facts(expected, actual)
        yield frame_facts(expected.frame, actual.frame, both.lines, is_cut=both.is_cut)
    else:
        yield [Fact("format", f"{expected.format}>{actual.format}")]
    found = aligned(both)
    alignment = found.alignment
    yield _cut_facts(both, alignment)
    texts = text_facts(found)
    yield texts
    if not is_another_text(texts):
        yield count_facts(found, is_cut=both.is_cut)
    yield _with_places(time_facts(found.pairs), alignment)
    if same_format:
        yield attribute_facts(found)


def _number_facts(expected: Captions, actual: Captions) -> list[Fact]:
    one, other = expected.first_number, actual.first_number
    if one == other or not expected.cues:
        return []
    return [Fact("number.first", ">".join("none" if number is None else str(number) for number in (one, other)))]


def _within_limit(alignment: Alignment, both: Comparison) -> Alignment:
    """The alignment without what has no partner only because it stands behind what is looked at."""
    if not both.is_capped:
        return alignment
    here, there = alignment.pairs[-1] if alignment.pairs else (len(both.expected.cues), len(both.actual.cues))
    return Alignment(
        alignment.pairs, tuple(index for index in alignment.lost if index < here),
        tuple(index for index in alignment.extra if index < there))


def _cut_facts(both: Comparison, alignment: Alignment) -> list[Fact]:
    last = alignment.pairs[-1][0] if alignment.pairs else -1
    behind = [index for index in alignment.lost if index > last]
    return [fact_of("file.cut", "", behind, len(both.expected.cues))] if both.is_cut and behind else []


def _with_places(found: list[Fact], alignment: Alignment) -> list[Fact]:
    """Facts of pairs with the indexes of expected's cues for places."""
    return [replace(fact, place=tuple(alignment.pairs[index][0] for index in fact.place[:PLACES])) for fact in found]
