"""Cues in the contract's words."""
from __future__ import annotations

from api.diffs.cues_json import TEXT_LIMIT, cues_json
from api.domain.captions.cue import Cue
from api.domain.captions.cue_diff import Became, Column, CueChange, CueDiff, Offset


def test_long_texts_are_cut_and_times_beyond_all_numbers_left_out() -> None:
    cue = Cue(2**63, -(2**63), ("x" * 600,), settings="a")

    shown = cues_json(CueDiff((), (Offset(Column.START, 2**64, 1),), (CueChange(Became.EXTRA, 0, None, cue),), (), 2, 3))

    assert shown == {
        "facts": [], "offsets": [], "omitted": {"offsets": 2, "changes": 3},
        "changes": [{"op": "extra", "index": 0, "expected": None, "actual": {
            "start_ms": None, "end_ms": None, "text": "x" * TEXT_LIMIT, "settings": "a", "text_truncated": True}}]}
