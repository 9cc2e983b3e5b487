from __future__ import annotations

import os
import signal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.diffs import program
from api.diffs.cache import DiffCache
from api.diffs.channel import DiffAnswer
from api.diffs.child import ExactChild, packed, unpacked
from api.domain.text.decoding import Encoding
from api.domain.text.diff import DiffSummary, Precision
from api.domain.text.edit_script import Change
from tests.diffs.diff_files import shuffled
from tests.domain.text.diffs import compared, hunks

numbers = st.integers(0, 2**40)
changes = st.lists(st.builds(Change, numbers, numbers, numbers, numbers))


@given(changes)
def test_changes_that_were_packed_are_unpacked(given: list[Change]) -> None:
    assert unpacked(packed(given)) == given


def test_a_child_goes_on_from_question_to_question() -> None:
    child = ExactChild()
    found = []
    for actual in (b"a\nx\n", b"a\nb\n", b"a\n"):
        child.ask(b"a\nb\n", actual, 60)
        found.append((child.pid, child.changes()))

    assert found == [(child.pid, changes) for changes in ([Change(1, 1, 1, 1)], [], [Change(1, 1, 1, 0)])]
    child.kill()


def test_a_child_that_was_killed_is_forked_anew_for_the_next_question() -> None:
    child = ExactChild()
    child.ask(b"a\n", b"b\n", 60)
    assert child.changes() is not None
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    child.ask(b"a\n", b"b\n", 60)
    lost = child.changes()
    child.ask(b"a\n", b"b\n", 60)

    assert (lost, child.changes()) == (None, [Change(0, 1, 0, 1)])
    assert child.pid != first
    child.kill()


def test_a_child_that_takes_too_long_is_killed() -> None:
    child = ExactChild()
    child.ask(shuffled(4 << 20, 1).content, shuffled(4 << 20, 2).content, 0.1)

    assert child.changes() is None
    assert child.pid is None


def test_hunks_of_long_lines_are_left_out_where_they_become_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = compared(b"same\nold\n" * 100, b"same\nnew\n" * 100, 0)
    monkeypatch.setattr(program, "SHOWN_LIMIT", 2000)

    parts, truncated = program._hunks_json(found)

    shown = b"".join(parts)
    assert truncated
    assert 1000 < len(shown) <= 2000
    assert orjson.loads(shown) == hunks(found)[:len(parts) - 1]


def test_no_hunk_is_short_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = compared(b"old\n", b"new\n", 0)
    monkeypatch.setattr(program, "SHOWN_LIMIT", 10)

    parts, truncated = program._hunks_json(found)

    assert (b"".join(parts), truncated) == (b"[]", True)


def answer_of(size: int, precision: Precision = Precision.EXACT) -> DiffAnswer:
    return DiffAnswer(precision, False, DiffSummary(1, 1, 1), b"x" * size, Encoding.UTF_8)


def test_the_memory_forgets_what_nobody_asked_for_the_longest() -> None:
    memory = DiffCache(100)
    for key in "abcd":
        memory.put(key, answer_of(25))
    memory.get("a")

    memory.put("e", answer_of(20))

    assert [key for key in "abcde" if memory.get(key)] == ["a", "c", "d", "e"]


def test_the_memory_keeps_no_answer_that_would_fill_it() -> None:
    memory = DiffCache(100)

    memory.put("big", answer_of(26))

    assert memory.get("big") is None


def test_the_memory_counts_an_answer_once() -> None:
    memory = DiffCache(100)
    for _ in range(10):
        memory.put("a", answer_of(25))

    memory.put("b", answer_of(25))

    assert memory.get("a") is not None
