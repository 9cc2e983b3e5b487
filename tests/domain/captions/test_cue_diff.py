"""Two outputs cue by cue."""
from __future__ import annotations

import pytest

from api.domain.captions.cue import Format
from api.domain.captions.cue_diff import CHANGE_LIMIT, OFFSET_LIMIT, PLACE_LIMIT, Became, Column, Offset, cue_diff
from api.domain.captions.fact import Fact
from api.domain.captions.facts import SECONDS, timeless
from tests.domain.captions.writers import CUES, Spoken, written

SRT = written(Format.SRT)


def test_what_all_cues_share_is_an_offset_and_no_change() -> None:
    found = cue_diff(SRT, written(Format.SRT, [cue.moved(0, -40) for cue in CUES]), None, clock=timeless)

    assert found.facts == (Fact("time.end.const", "-40", 1.0, (0, 1, 2)),)
    assert found.offsets == (Offset(Column.END, -40, 12), Offset(Column.START, 0, 12))
    assert (found.changes, found.omitted_offsets, found.omitted_changes) == ((), 0, 0)
    assert found.is_read


def test_cues_that_changed_were_lost_or_came_stand_in_their_order() -> None:
    changed = [
        CUES[0], Spoken(2600, 3000, ("what is this",)), CUES[1], *CUES[3:5], CUES[5].saying("a second line"), CUES[6], CUES[7].moved(90, 0),
        *CUES[8:],
        Spoken(90_000, 91_000, ("the end",))]

    found = cue_diff(SRT, written(Format.SRT, changed), None, clock=timeless)

    assert [(each.op, each.index, each.expected and each.expected.text, each.actual and each.actual.text) for each in found.changes] == [
        (Became.EXTRA, 1, None, "what is this"), (Became.LOST, 2, CUES[2].lines[0], None),
        (Became.CHANGED, 5, "\n".join(CUES[5].lines), "a second line"), (Became.CHANGED, 7, CUES[7].lines[0], CUES[7].lines[0]),
        (Became.EXTRA, 12, None, "the end")]


def test_a_time_that_is_gone_is_a_change() -> None:
    sami = written(Format.SAMI)

    found = cue_diff(sami, sami.replace(b"&nbsp;", b"x", 1), None, clock=timeless)

    assert [each.op for each in found.changes] == [Became.CHANGED, Became.EXTRA]
    assert found.changes[0].actual is not None and found.changes[0].actual.end is None


def test_no_more_is_listed_than_is_promised_and_the_rest_counted() -> None:
    many = [Spoken(1000 * index, 1000 * index + 900, (f"line {index}",)) for index in range(300)]
    moved = [cue.moved(index, 0).saying(*cue.lines, "more") for index, cue in enumerate(many)]

    found = cue_diff(written(Format.SRT, many), written(Format.SRT, moved), None, clock=timeless)

    assert (len(found.offsets), found.omitted_offsets) == (OFFSET_LIMIT, 301 - OFFSET_LIMIT)
    assert (len(found.changes), found.omitted_changes) == (CHANGE_LIMIT, 300 - CHANGE_LIMIT)


def test_of_a_long_film_the_cues_that_differ_have_places_wherever_they_stand() -> None:
    film = [Spoken(1000 * index, 1000 * index + 900, (f"line {index}",)) for index in range(PLACE_LIMIT + 100)]
    changed = [*film[:-3], film[-2].moved(0, -40), film[-1].saying("the end")]

    found = cue_diff(written(Format.SRT, film), written(Format.SRT, changed), None, clock=timeless)

    assert len(found.places) == PLACE_LIMIT
    assert [(each.op, each.is_same) for each in found.places[:4]] == [
        (Became.CHANGED, False), (Became.CHANGED, False), (Became.LOST, False), (None, True)]


def test_raw_captions_are_compared_too() -> None:
    found = cue_diff(written(Format.RAW), written(Format.RAW, [cue.moved(20, 20) for cue in CUES]), None, clock=timeless)

    assert found.offsets == (Offset(Column.END, 20, 12), Offset(Column.START, 20, 12))


@pytest.mark.parametrize("content", [b"\0\1\2", b"\xcc\xcc\xed", b"a\0"])
def test_of_what_nobody_reads_there_are_facts_alone(content: bytes) -> None:
    found = cue_diff(content, b"\0", None, clock=timeless)

    assert (found.facts[0].kind, found.offsets, found.changes) == ("binary.other", (), ())
    assert not found.is_read


def test_equal_files_have_no_difference() -> None:
    found = cue_diff(SRT, SRT, None, clock=timeless)

    assert (found.facts, found.changes) == ((), ())


def test_where_the_time_is_over_there_are_facts_alone() -> None:
    seconds = iter((0.0, SECONDS + 1))

    found = cue_diff(SRT, SRT + b"x", None, clock=lambda: next(seconds))

    assert (found.facts[-1], found.offsets) == (Fact("capped", "time"), ())


def test_cues_behind_what_is_looked_at_are_not_lost() -> None:
    many = [Spoken(1000 * index, 1000 * index + 900, (f"line {index}",)) for index in range(4500)]

    found = cue_diff(written(Format.SRT, many), written(Format.SRT, [CUES[0], *many]), None, clock=timeless)

    assert [(each.op, each.index) for each in found.changes] == [(Became.EXTRA, 0)]
    assert found.facts[-1] == Fact("capped", "cues")
