"""The difference of two outputs cue by cue, in the contract's words."""
from __future__ import annotations

from typing import Any

from api.domain.captions.cue import Cue
from api.domain.captions.cue_diff import CueChange, CueDiff, CuePlace
from api.domain.captions.fact import Fact
from api.domain.captions.words import words

TEXT_LIMIT = 500
# Times beyond this many milliseconds, as files that are broken may have, are written as none.
_MOST_MS = 2**63 - 1


def cues_json(found: CueDiff) -> dict[str, Any]:
    """All of it."""
    return {
        "facts": [fact_json(fact) for fact in found.facts],
        "offsets": [{"column": each.column.value, "ms": each.ms, "cues": each.cues} for each in found.offsets if abs(each.ms) <= _MOST_MS],
        "changes": [_change(each) for each in found.changes],
        "omitted": {"offsets": found.omitted_offsets, "changes": found.omitted_changes}}


def places_json(found: CueDiff) -> list[dict[str, Any]]:
    """Where the cues stand in time, as the pages draw it."""
    return [_place(each) for each in found.places]


def _place(each: CuePlace) -> dict[str, Any]:
    both = {"expected": each.expected, "actual": each.actual}
    return {"op": each.op and each.op.value} | {
        name: None if cue is None else (_time(cue.start), _time(cue.end)) for name, cue in both.items()}


def fact_json(fact: Fact) -> dict[str, Any]:
    """One fact, with its words for people."""
    return {"kind": fact.kind, "parameter": fact.parameter, "words": words(fact), "share": fact.share, "places": list(fact.place)}


def _change(each: CueChange) -> dict[str, Any]:
    return {"op": each.op.value, "index": each.index, "expected": _cue(each.expected), "actual": _cue(each.actual)}


def _cue(cue: Cue | None) -> dict[str, Any] | None:
    if cue is None:
        return None
    text = cue.text
    shown = {"start_ms": _time(cue.start), "end_ms": _time(cue.end), "text": text[:TEXT_LIMIT], "settings": cue.settings}
    return shown | ({"text_truncated": True} if len(text) > TEXT_LIMIT else {})


def _time(time: int | None) -> int | None:
    return time if time is not None and abs(time) <= _MOST_MS else None
