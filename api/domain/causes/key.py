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
    """A fact's kind and parameter; of a measure its kind alone."""
    return fact.kind, "" if has_value(fact) else fact.parameter


def keys_of(facts: Iterable[Fact]) -> frozenset[Key]:
    """The keys of facts."""
    return frozenset(map(key_of, facts))
