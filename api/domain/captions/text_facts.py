"""How the text of a cue changed: the first of the kinds that holds, which is the narrowest."""
from __future__ import annotations

import re
from collections.abc import Callable

from api.domain.captions.cue import Cue

# Of a longer text only so much is looked at.
_LONGEST = 4_000
_RUN = re.compile(r"(.)\1{1,400}", re.DOTALL)
_STRANGE = re.compile(r"[^\x20-\x7e]|\?")
_ALIKE = 0.5
# These change so much that spaces and line ends say nothing more.
_ALONE = frozenset({"text.repeats-before", "text.cut", "text.replaced", "text.edited"})
_FEWEST_LETTERS = 0.5
Kind = tuple[str, str]


def text_kinds(expected: Cue, actual: Cue, before: str) -> list[Kind]:
    """The kinds, with their parameters, of what happened to a text that changed; `before` is the folded text of the cue before it.

    Spaces at lines' ends, wrapping and case may stand beside another; everything else stands alone.
    """
    one, other = expected.text[:_LONGEST], actual.text[:_LONGEST]
    if one == other:
        # They differ further behind than is looked at.
        return [("text.edited", "")]
    found = _spacing(one, other)
    if found is not None:
        return found
    beside: list[Kind] = []
    trailing = _trailing(one), _trailing(other)
    if trailing[0] != trailing[1]:
        beside.append(("text.trailing-space", "+" if trailing[1] else "-"))
    if len(expected.lines) != len(actual.lines):
        beside.append(("text.wrap", ""))
    left, right = " ".join(one.split()), " ".join(other.split())
    if left == right:
        return beside or [("text.wrap", "")]
    if left.casefold() == right.casefold():
        return [("text.case", ""), *beside]
    if _is_one_case(right) and not _is_one_case(left):
        beside.append(("text.case", ""))
    characters = _characters(one, other)
    chosen = characters or _chosen(left.casefold(), right.casefold(), before)
    return [chosen, *(beside if chosen[0] not in _ALONE else [])]


def _is_one_case(text: str) -> bool:
    """Whether the letters that every encoding has are all capital, or all small."""
    plain = _STRANGE.sub("", text)
    return plain in (plain.lower(), plain.upper())


def _trailing(text: str) -> bool:
    return any(line.endswith(" ") for line in text.split("\n"))


def _spacing(one: str, other: str) -> list[Kind] | None:
    """Kinds that touch no more than spaces and keep the lines; None where more changed."""
    left, right = one.split("\n"), other.split("\n")
    if len(left) != len(right):
        return None
    ended = [line.rstrip(" ") for line in left], [line.rstrip(" ") for line in right]
    trailing = [("text.trailing-space", "+" if len(other) - len("\n".join(ended[1])) > len(one) - len("\n".join(ended[0])) else "-")]
    if ended[0] == ended[1]:
        return trailing
    beside = trailing if _trailing(one) is not _trailing(other) else []
    if [line.lstrip(" ") for line in ended[0]] == [line.lstrip(" ") for line in ended[1]]:
        return [("text.indent", ""), *beside]
    if one.replace("\xa0", " ").split() == other.replace("\xa0", " ").split() and one.count("\xa0") != other.count("\xa0"):
        return [("text.nbsp", "+" if other.count("\xa0") > one.count("\xa0") else "-")]
    return None


def _chosen(left: str, right: str, before: str) -> Kind:
    """The first kind that holds for two texts that are folded and not equal."""
    for kind in _KINDS:
        parameter = kind(left, right, before)
        if parameter is not None:
            return f"text.{_NAMES[kind]}", parameter
    return ("text.edited", "") if _likeness(left, right) > _ALIKE else ("text.replaced", "")


def _characters(one: str, other: str) -> Kind | None:
    """The fact that only characters beyond ASCII are not the same, as where they were encoded or decoded wrongly."""
    plain = ("".join(_STRANGE.sub("", text).casefold().split()) for text in (one, other))
    strange = [_STRANGE.findall(text) for text in (one, other)]
    if len(set(plain)) > 1 or not any(character not in "?\n" for character in strange[0]):
        return None
    kept = [sum(character not in "?\ufffd" for character in found) for found in strange]
    return "text.chars", "lost" if kept[1] < kept[0] else "replaced"


def _doubled_letters(left: str, right: str, _: str) -> str | None:
    return "" if len(right) > len(left) and _RUN.sub(r"\1", left) == _RUN.sub(r"\1", right) else None


def _letters_lost(left: str, right: str, _: str) -> str | None:
    if right in left or not _FEWEST_LETTERS * len(left) <= len(right) < len(left):
        return None
    rest = iter(left)
    return "" if all(character in rest for character in right) else None


def _repeats_before(left: str, right: str, before: str) -> str | None:
    if not left or not before or not right.endswith(left) or len(right) == len(left):
        return None
    return "" if right[:len(right) - len(left)].strip() in before else None


def _cut(left: str, right: str, _: str) -> str | None:
    return "" if right in left else None


_NAMES: dict[Callable[[str, str, str], str | None], str] = {
    _doubled_letters: "doubled-letters", _letters_lost: "letters-lost", _repeats_before: "repeats-before", _cut: "cut"}
_KINDS = tuple(_NAMES)


def _likeness(left: str, right: str) -> float:
    one, other = set(left.split()), set(right.split())
    return len(one & other) / max(1, len(one), len(other))


