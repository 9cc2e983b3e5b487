"""Facts in words for people. No word of a file is among them: those stay in a fact's parameter."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from api.domain.captions.fact import Fact

_MILLISECONDS = re.compile(r"[+-][0-9]{1,20}$")
_RATIO = re.compile(r"[0-9]{1,3}\.[0-9]{4}$")
_ALL, _MOST = 0.995, 0.5


def words(fact: Fact) -> str:
    """What a fact says, as a clause without a full stop, such as "every cue ends 40 ms earlier"."""
    if fact.kind.startswith("time.") and fact.kind != "time.round":
        return _of_time(fact)
    say = _SENTENCES[fact.kind]
    return say if isinstance(say, str) else say(fact)


def _cues(share: float) -> str:
    return "every cue" if share >= _ALL else "most cues" if share >= _MOST else "some cues"


def _subject(share: float, one: str, several: str) -> str:
    """Who does something, with the verb in its number."""
    return f"{_cues(share)} {one if share >= _ALL else several}"


_COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "start": ("starts", "start", "starts"), "end": ("ends", "end", "ends"), "both": ("is shown", "are shown", "is shown"),
    "any": ("is shown", "are shown", "is shown")}
_NOUNS: Mapping[str, str] = {"start": "start times", "end": "end times", "both": "times", "any": "times"}


def _of_time(fact: Fact) -> str:
    _, column, shape = fact.kind.split(".")
    one, several, verb = _COLUMNS[column]
    if shape == "const" and _MILLISECONDS.match(fact.parameter):
        shift = int(fact.parameter)
        return f"{_subject(fact.share, one, several)} {abs(shift)} ms {'later' if shift > 0 else 'earlier'}"
    if shape == "drift" and _RATIO.match(fact.parameter):
        return f"the {_NOUNS[column]} drift: each is {fact.parameter} times what it was"
    return {
        "first": f"the first cue {verb} at another time", "last": f"the last cue {verb} at another time",
        "lost": f"the {_NOUNS[column]} of {_cues(fact.share)} are gone",
    }.get(shape, f"{_subject(fact.share, one, several)} at another time")


def _either(plus: str, minus: str) -> Callable[[Fact], str]:
    return lambda fact: plus if fact.parameter.startswith("+") else minus


def _chosen(sentences: Mapping[str, str]) -> Callable[[Fact], str]:
    """The sentence of a parameter from a closed list; the first where it is none of them."""
    return lambda fact: sentences.get(fact.parameter, next(iter(sentences.values())))


def _text_of(what: str) -> Callable[[Fact], str]:
    return lambda fact: f"the text of {_cues(fact.share)} {what}"


def _changed(what: str) -> Callable[[Fact], str]:
    """From what to what something changed; either side is a word of ours."""
    return lambda fact: f"{what} changed from {' to '.join(fact.parameter.split('>'))}"


def _markup(fact: Fact) -> str:
    sign, name = fact.parameter[:1], fact.parameter.lstrip("+-")
    if sign in ("+", "-"):
        return f"{name} is {'added to' if sign == '+' else 'lost from'} {_cues(fact.share)}"
    return f"the markup of {_cues(fact.share)} changed"


_SIZES = {"same size": "in the same size", "shorter": "and is shorter", "longer": "and is longer"}
_SENTENCES: Mapping[str, str | Callable[[Fact], str]] = {
    "exit": lambda fact: f"the program ended in another way: {fact.parameter}",
    "file.missing": "the output was not written",
    "file.cut": "the output breaks off",
    "cues.none": "nothing is left of the cues",
    "binary.other": lambda fact: f"the output is binary and differs, {_SIZES.get(fact.parameter, 'in size')}",
    "bytes.bom": _either("a byte order mark is added", "the byte order mark is lost"),
    "bytes.encoding": _changed("the encoding"),
    "bytes.eol": _changed("the ends of lines"),
    "bytes.end": _either("newlines are added at the end", "newlines are lost at the end"),
    "format": _changed("the format"),
    "number.first": _changed("the first cue's number"),
    "frame": lambda fact: f"{'numbers' if fact.parameter == 'numbers' else 'words'} outside of the cues changed",
    "frame.many": "many lines outside of the cues changed",
    "cues.lost": _chosen({
        "some": "some cues are lost", "many": "many cues are lost", "tail": "cues are lost at the end",
        "head": "cues are lost at the beginning"}),
    "cues.doubled": _chosen({"": "cues are doubled", "empty time": "cues are doubled, shown for no time"}),
    "cues.order": "cues stand in another order",
    "cues.extra": "there are cues that should not be",
    "time.round": "times are rounded in another way",
    "cue.settings": _chosen({
        "changed": "settings of cues changed", "lost": "settings of cues are lost",
        "added": "cues have new settings"}),
    "cue.time-format": "times are written in another form",
    "markup": _markup,
    "text.trailing-space": _either("spaces are added at the ends of lines", "spaces are lost at the ends of lines"),
    "text.indent": _text_of("is indented in another way"),
    "text.nbsp": _either("spaces became no-break spaces", "no-break spaces became spaces"),
    "text.wrap": _text_of("is broken into other lines"),
    "text.case": _text_of("is in another case"),
    "text.chars": _chosen({
        "replaced": "characters beyond ASCII are replaced by others", "lost": "characters beyond ASCII are lost"}),
    "text.doubled-letters": _text_of("has letters twice"),
    "text.letters-lost": _text_of("lacks letters"),
    "text.repeats-before": _text_of("repeats that of the cue before it"),
    "text.cut": _text_of("is cut"),
    "text.edited": _text_of("has other words"),
    "text.replaced": _text_of("is replaced"),
    "text.other": "the cues have another text",
    "other": "something that no rule names is different",
    "unread": "the output was not compared",
    "capped": _chosen({
        "bytes": "only the first bytes were looked at", "cues": "only the first cues were looked at",
        "time": "there was no time to look at more"}),
}
_SHAPES = ("const", "drift", "lost", "first", "last", "many", "some")
# Every kind that a fact may have.
KINDS = (*_SENTENCES, *(f"time.{column}.{shape}" for column in _COLUMNS for shape in _SHAPES))
