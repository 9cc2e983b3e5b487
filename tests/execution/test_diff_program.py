from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.diff import DiffSummary, Encoding, Precision
from api.domain.edit_script import Change
from api.execution import diff_program
from api.execution.diff_channel import DiffAnswer
from api.execution.diff_memory import DiffMemory
from api.execution.diff_program import packed, unpacked
from tests.domain.diffs import compared, hunks

numbers = st.integers(0, 2**40)
changes = st.lists(st.builds(Change, numbers, numbers, numbers, numbers))


@given(changes)
def test_changes_that_were_packed_are_unpacked(given: list[Change]) -> None:
    assert unpacked(packed(given)) == given


@given(changes, st.data())
def test_changes_that_are_not_all_there_count_as_none(given: list[Change], data: st.DataObject) -> None:
    content = packed(given)
    length = data.draw(st.integers(0, len(content) - 1))

    assert unpacked(content[:length]) is None


def test_hunks_of_long_lines_are_left_out_where_they_become_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = compared(b"same\nold\n" * 100, b"same\nnew\n" * 100, 0)
    monkeypatch.setattr(diff_program, "SHOWN_LIMIT", 2000)

    parts, truncated = diff_program._hunks_json(found)

    shown = b"".join(parts)
    assert truncated
    assert 1000 < len(shown) <= 2000
    assert orjson.loads(shown) == hunks(found)[:len(parts) - 1]


def test_no_hunk_is_short_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = compared(b"old\n", b"new\n", 0)
    monkeypatch.setattr(diff_program, "SHOWN_LIMIT", 10)

    parts, truncated = diff_program._hunks_json(found)

    assert (b"".join(parts), truncated) == (b"[]", True)


def answer_of(size: int, precision: Precision = Precision.EXACT) -> DiffAnswer:
    return DiffAnswer(precision, False, DiffSummary(1, 1, 1), b"x" * size, Encoding.UTF_8)


def test_the_memory_forgets_what_nobody_asked_for_the_longest() -> None:
    memory = DiffMemory(100)
    for key in "abcd":
        memory.keep(key, answer_of(25))
    memory.recall("a")

    memory.keep("e", answer_of(20))

    assert [key for key in "abcde" if memory.recall(key)] == ["a", "c", "d", "e"]


def test_the_memory_keeps_no_answer_that_would_fill_it() -> None:
    memory = DiffMemory(100)

    memory.keep("big", answer_of(26))

    assert memory.recall("big") is None


def test_the_memory_counts_an_answer_once() -> None:
    memory = DiffMemory(100)
    for _ in range(10):
        memory.keep("a", answer_of(25))

    memory.keep("b", answer_of(25))

    assert memory.recall("a") is not None
