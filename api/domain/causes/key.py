"""Keys of facts: what facts of one cause have in common."""
from __future__ import annotations

from collections.abc import Iterable

from api.domain.captions.fact import Fact

Key = tuple[str, str]
_MEASURES = (".const", ".drift")


def has_value(fact: Fact) -> bool:
    """Whether a fact's parameter is a measure, of which another value is no other cause."""
    return fact.kind.startswith("time.") and fact.kind.endswith(_MEASURES)


def key_of(fact: Fact) -> Key:
    """A fact's kind and parameter; of a measure its kind alone. Many cues are no other key than some."""
    kind = f"{fact.kind[:-4]}some" if fact.kind.startswith("time.") and fact.kind.endswith(".many") else fact.kind
    return kind, "" if has_value(fact) else "some" if fact.kind == "cues.lost" and fact.parameter == "many" else fact.parameter


def keys_of(facts: Iterable[Fact]) -> frozenset[Key]:
    """The keys of facts."""
    return frozenset(map(key_of, facts))


def aspect_of(fact: Fact) -> str:
    """What of an output a fact is about, coarser than its key: a cause may be told in other words where another is beside it."""
    head = fact.kind.partition(".")[0]
    return _CONTENT if head in ("text", "cues") else head if head in ("time", "frame", "cue", "markup", "exit", "file") else fact.kind


def is_engulfing(fact: Fact) -> bool:
    """Whether a fact says so much of the cues that others of them may not be told."""
    return fact.kind in _ENGULFING


def lasts(fact: Fact, later: Iterable[Fact]) -> bool:
    """Whether a fact may still hold of a later output with these facts, be it in other words."""
    columns = columns_of(fact.kind)
    return any(
        key_of(fact) == key_of(each) or columns & columns_of(each.kind) or aspect_of(fact) == _CONTENT and is_engulfing(each)
        for each in later)


def columns_of(kind: str) -> frozenset[str]:
    """The times that a kind of facts is about: starts, ends or both."""
    parts = kind.split(".")
    return _COLUMNS.get(parts[1], frozenset()) if parts[0] == "time" and len(parts) == 3 else frozenset()


_CONTENT = "content"
_ENGULFING = frozenset({"text.other", "text.replaced", "frame.many"})
_COLUMNS = {
    "start": frozenset({"start"}), "end": frozenset({"end"}), "both": frozenset({"start", "end"}), "any": frozenset({"start", "end"})}
