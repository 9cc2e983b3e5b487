"""Leaves out weak facts that a stronger one explains."""
from __future__ import annotations

from collections.abc import Sequence

from api.domain.captions.fact import Fact

_STRUCTURAL = frozenset({"text.other", "text.repeats-before", "text.wrap", "cues.doubled", "cues.extra", "text.edited"})
_STRUCTURAL_LOSSES = frozenset({"many", "some"})
_WEAK = frozenset({"cue.settings", "markup", "cues.order", "text.indent", "text.cut"})
_WEAK_TIMES = frozenset({"many", "some", "first", "last"})


def pruned(found: Sequence[Fact]) -> list[Fact]:
    """The facts without those that a change of the cues' structure brings along, of as many cues at most."""
    weight = max((fact.share for fact in found if _is_structural(fact)), default=0.0)
    misread = any(fact.kind == "bytes.encoding" for fact in found)
    return [
        fact for fact in found
        if not (_is_weak(fact) and fact.share <= weight) and not (misread and fact.kind == "text.chars")]


def _is_structural(fact: Fact) -> bool:
    return fact.kind in _STRUCTURAL or fact.kind == "cues.lost" and fact.parameter in _STRUCTURAL_LOSSES


def _is_weak(fact: Fact) -> bool:
    return fact.kind in _WEAK or fact.kind.startswith("time.") and fact.kind.rpartition(".")[2] in _WEAK_TIMES
