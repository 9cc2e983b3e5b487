"""Files compared cue by cue, beside the server."""
from __future__ import annotations

import orjson

from api.diffs.channel import CuesView
from api.diffs.pool import SIZE_LIMIT, DiffPool
from api.domain.captions.cue import Format
from api.domain.results.failure_code import FailureCode
from tests.diffs.diff_files import File
from tests.diffs.pools import DIES, MakePool
from tests.domain.captions.writers import CUES, written


def test_cues_are_compared_beside_the_server(pool: DiffPool) -> None:
    answer = pool.compare_cues(File(written(Format.SRT)), File(written(Format.SRT, CUES[:-1])), CuesView(FailureCode.ABORT))

    assert answer is not None
    assert answer.is_final
    shown = orjson.loads(answer.shown)
    assert [fact["words"] for fact in shown["facts"]] == ["the program ended in another way: ABORT", "the output breaks off"]
    assert shown["changes"] == [{"op": "lost", "index": 11, "expected": {
        "start_ms": 34150, "end_ms": 35662, "text": "the letter came late 11.", "settings": ""}, "actual": None}]


def test_the_same_question_about_cues_is_answered_from_memory(pool: DiffPool) -> None:
    first = pool.compare_cues(File(b"a"), File(b"b"), CuesView(None))
    again = File(b"a"), File(b"b")

    assert pool.compare_cues(*again, CuesView(None)) == first
    assert again[0].reads == again[1].reads == []


def test_of_large_files_the_beginning_is_compared_cue_by_cue(pool: DiffPool) -> None:
    answer = pool.compare_cues(File(b"a\n" * SIZE_LIMIT), File(b"b"), CuesView(None))

    assert answer is not None
    assert orjson.loads(answer.shown)["facts"][-1]["kind"] == "capped"


def test_where_no_process_answers_there_is_nothing_to_tell_of_cues(make_pool: MakePool) -> None:
    assert make_pool(program=DIES).compare_cues(File(b"a"), File(b"b"), CuesView(None)) is None
