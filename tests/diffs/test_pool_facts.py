"""Facts of many pairs of files, told beside the server."""
from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from api.diffs.channel import LATE, Contents, FactsAnswer
from api.diffs.pool import DiffPool
from api.diffs.program import facts_of_pairs
from api.domain.captions.cue import Format
from api.domain.captions.fact import Fact
from api.domain.captions.facts import facts
from api.domain.errors import Unavailable
from api.domain.results.failure_code import FailureCode
from tests.diffs.pools import BABBLES, DIES, HANGS, MakePool
from tests.domain.captions.writers import CUES, written

PAIRS = (
    Contents(written(Format.SRT), written(Format.SRT, CUES[:-1]), FailureCode.ABORT),
    Contents(b"a", b"", None),
    Contents(written(Format.WEBVTT), written(Format.SRT), None))


def test_facts_of_many_pairs_are_those_of_each(pool: DiffPool) -> None:
    found = pool.facts_of_pairs(PAIRS)

    assert found == [facts(pair.expected, pair.actual, pair.code, whole=True) for pair in PAIRS]


def test_a_process_whose_time_is_over_tells_of_the_pairs_that_it_began() -> None:
    header, [shown] = facts_of_pairs(memoryview(b"abcd"), {"pairs": [(1, 1, None), (1, 1, None)], "seconds": -1})

    assert header == {"done": 1}
    assert len(orjson.loads(shown)) == 1


def test_of_a_pair_that_took_too_long_nothing_is_told() -> None:
    shown = orjson.dumps([[LATE.fields], [Fact("file.missing").fields]])

    assert FactsAnswer.of({"done": 2}, shown).facts == [None, (Fact("file.missing"),)]


@pytest.mark.parametrize("program", [DIES, BABBLES, HANGS], ids=["dies", "babbles", "hangs"])
def test_where_no_process_answers_nothing_is_known_of_the_first_pair(make_pool: MakePool, program: Sequence[str]) -> None:
    assert make_pool(program=program, seconds=0.2).facts_of_pairs(PAIRS) == [None]


def test_a_pool_that_is_closed_refuses(pool: DiffPool) -> None:
    pool.close()

    with pytest.raises(Unavailable):
        pool.facts_of_pairs(PAIRS)
