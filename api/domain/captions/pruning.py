"""Leaves out weak facts that a stronger one explains."""
from __future__ import annotations

from collections.abc import Sequence

from api.domain.captions.fact import Fact

_STRUCTURAL = frozenset({"text.other", "text.repeats-before", "text.wrap", "cues.doubled", "cues.extra", "text.edited"})
_STRUCTURAL_LOSSES = frozenset({"many", "some"})
# What a fact explains wherever both are told.
_EXPLAINED = {"bytes.encoding": "text.chars", "format": "bytes.end"}
_WEAK = frozenset({"cue.settings", "markup", "cues.order", "text.indent", "text.cut"})
_WEAK_TIMES = frozenset({"many", "some", "first", "last"})


def pruned(found: Sequence[Fact]) -> list[Fact]:
    """The facts without those that a change of format, or of the cues' structure, brings along, of as many cues at most."""
    weight = max((fact.share for fact in found if _is_structural(fact)), default=0.0)
    kinds = {fact.kind for fact in found}
    explained = {weak for strong, weak in _EXPLAINED.items() if strong in kinds}
    return [fact for fact in found if not (_is_weak(fact) and fact.share <= weight) and fact.kind not in explained]


def _is_structural(fact: Fact) -> bool:
    return fact.kind in _STRUCTURAL or fact.kind == "cues.lost" and fact.parameter in _STRUCTURAL_LOSSES


def _is_weak(fact: Fact) -> bool:
    return fact.kind in _WEAK or fact.kind.startswith("time.") and fact.kind.rpartition(".")[2] in _WEAK_TIMES
