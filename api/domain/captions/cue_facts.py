"""What became of the cues themselves: lost, doubled, moved, extra; their settings, their markup, their texts."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.domain.captions.alignment import Alignment
from api.domain.captions.cue import Captions, Cue, folded
from api.domain.captions.fact import Fact, fact_of
from api.domain.captions.frame_facts import masked
from api.domain.captions.text_facts import text_kinds

_MANY = 0.25
# From this part of the cues on, texts that are not like each other are no longer told one by one.
_OTHER = 0.4
_OTHER_TEXT = "text.other"
Pair = tuple[Cue, Cue]


@dataclass(frozen=True, slots=True)
class Paired:
    """Two files with their alignment."""

    expected: Captions
    actual: Captions
    alignment: Alignment
    expected_texts: frozenset[str]

    @classmethod
    def of(cls, expected: Captions, actual: Captions, alignment: Alignment) -> Paired:
        """Two files with their alignment, and the folded texts of the expected one."""
        return cls(expected, actual, alignment, frozenset(folded(cue.text) for cue in expected.cues))

    @property
    def pairs(self) -> list[Pair]:
        """The cues that are paired."""
        return [(self.expected.cues[one], self.actual.cues[other]) for one, other in self.alignment.pairs]

    @property
    def total(self) -> int:
        """How many cues there should be."""
        return len(self.expected.cues)


class Found:
    """Facts of cues while they are collected: for each kind and parameter the indexes that it holds for."""

    def __init__(self) -> None:
        self._indexes: dict[tuple[str, str], list[int]] = {}

    def add(self, index: int, kinds: Iterable[tuple[str, str]]) -> None:
        """These kinds, each with its parameter, hold for a cue."""
        for kind in kinds:
            self._indexes.setdefault(kind, []).append(index)

    def facts(self, total: int) -> list[Fact]:
        """The facts, out of so many cues, those that touch most first."""
        found = [fact_of(kind, parameter, indexes, total) for (kind, parameter), indexes in self._indexes.items()]
        return sorted(found, key=lambda fact: (-fact.share, fact.kind, fact.parameter))


def count_facts(found: Paired, *, is_cut: bool) -> list[Fact]:
    """Facts of cues that have no partner; those lost at the end are not told of a file that `is_cut` there."""
    total, kinds = found.total, Found()
    extra = Counter(folded(found.actual.cues[index].text) for index in found.alignment.extra)
    lost = []
    for index in found.alignment.lost:
        text = folded(found.expected.cues[index].text)
        if extra[text]:
            # It stands elsewhere now.
            extra[text] -= 1
            kinds.add(index, [("cues.order", "")])
        else:
            lost.append(index)
    for index in found.alignment.extra:
        kinds.add(index, _extra_kinds(found, index, gone=extra))
    facts = kinds.facts(total)
    if lost and not (is_cut and _place(lost, total) == "tail"):
        facts.insert(0, fact_of("cues.lost", _place(lost, total), lost, total))
    return facts


def _place(lost: Sequence[int], total: int) -> str:
    if lost[-1] - lost[0] == len(lost) - 1 and lost[-1] == total - 1:
        return "tail"
    if lost[0] == 0 and lost[-1] == len(lost) - 1:
        return "head"
    return "many" if len(lost) >= _MANY * total else "some"


def _extra_kinds(found: Paired, index: int, gone: Mapping[str, int]) -> list[tuple[str, str]]:
    """What an extra cue is; `gone` has the texts of those that did not only move, with their counts."""
    cues = found.actual.cues
    cue, text = cues[index], folded(cues[index].text)
    if not gone.get(text):
        return []
    if any(text == folded(cues[near].text) for near in (index - 1, index + 1) if 0 <= near < len(cues)):
        return [("cues.doubled", "empty time" if cue.start is not None and cue.start == cue.end else "")]
    return [("cues.order" if text in found.expected_texts else "cues.extra", "")]


def attribute_facts(found: Paired) -> list[Fact]:
    """Facts of what stands beside the text: how times are written, settings, markup."""
    kinds = Found()
    for (index, _), (one, other) in zip(found.alignment.pairs, found.pairs, strict=True):
        if one.time_form != other.time_form:
            kinds.add(index, [("cue.time-format", masked(f"{one.time_form}>{other.time_form}".replace("N", "#")))])
        if one.settings != other.settings:
            kinds.add(index, [("cue.settings", "lost" if not other.settings else "changed" if one.settings else "added")])
        if one.markup != other.markup:
            kinds.add(index, [("markup", parameter) for parameter in _markup(one, other)])
    return kinds.facts(found.total)


def _markup(one: Cue, other: Cue) -> list[str]:
    before, after = Counter(name for name, _ in one.markup), Counter(name for name, _ in other.markup)
    less, more = before - after, after - before
    return [f"-{name}" for name in less] + [f"+{name}" for name in more] or [
        f"{name} values" for name in sorted({name for name, _ in set(one.markup) ^ set(other.markup)})] or ["places"]


def text_facts(found: Paired) -> list[Fact]:
    """Facts of texts; one alone, `text.other`, where they are another file's."""
    kinds, replaced = Found(), 0
    for (place, _), (one, other) in zip(found.alignment.pairs, found.pairs, strict=True):
        if one.lines != other.lines:
            told = text_kinds(one, other, folded(found.expected.cues[place - 1].text) if place else "")
            kinds.add(place, told)
            replaced += told[0][0] == "text.replaced"
    strange = any(folded(found.actual.cues[index].text) not in found.expected_texts for index in found.alignment.extra)
    unlike = replaced + (len(found.alignment.lost) if strange else 0)
    if unlike >= _OTHER * max(1, found.total):
        return [Fact(_OTHER_TEXT, share=round(min(1.0, unlike / max(1, found.total)), 4))]
    return kinds.facts(found.total)


def is_another_text(found: Sequence[Fact]) -> bool:
    """Whether so few texts are like each other that cues without a partner say nothing more."""
    return any(fact.kind == _OTHER_TEXT for fact in found)
