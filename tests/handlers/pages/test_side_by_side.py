"""Hunks as rows of two columns."""
from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.rendering.pages.side_by_side import ROW_LIMIT, Line, side_by_side

LINES = st.lists(st.tuples(st.sampled_from(["context", "added", "removed"]), st.text("ab é", max_size=8)), max_size=12)


def hunk(lines: list[tuple[str, str]]) -> dict[str, Any]:
    return {"lines": [{"kind": kind, "text": text} for kind, text in lines]}


def text_of(line: Line | None) -> str:
    return "" if line is None else "".join(part.text for part in line.parts)


@given(LINES)
def test_each_column_is_its_file(lines: list[tuple[str, str]]) -> None:
    rows = side_by_side([hunk(lines)])

    assert [text_of(row.expected) for row in rows if row.expected] == [text for kind, text in lines if kind != "added"]
    assert [text_of(row.actual) for row in rows if row.actual] == [text for kind, text in lines if kind != "removed"]


def test_what_differs_within_a_line_is_told() -> None:
    row, = side_by_side([hunk([("removed", "at 1,000 ms"), ("added", "at 1,040 ms")])])

    assert row.expected is not None and [part.text for part in row.expected.parts if part.is_changed] == ["0"]
    assert row.actual is not None and [part.text for part in row.actual.parts if part.is_changed] == ["4"]


def test_of_long_lines_the_common_ends_are_found() -> None:
    row, = side_by_side([hunk([("removed", "a" * 400 + "b" + "c" * 400), ("added", "a" * 400 + "d" + "c" * 400)])])

    assert row.expected is not None and [part.text for part in row.expected.parts if part.is_changed] == ["b"]


def test_what_lies_between_the_ends_of_long_lines_is_compared() -> None:
    row, = side_by_side([hunk([("removed", "a" * 400 + "bxb" + "c" * 400), ("added", "a" * 400 + "dxd" + "c" * 400)])])

    assert row.expected is not None and [part.text for part in row.expected.parts if part.is_changed] == ["b", "b"]


def test_rows_are_bounded() -> None:
    assert len(side_by_side([hunk([("added", "x")] * 300)] * 3)) == ROW_LIMIT


def test_a_hunk_begins_behind_what_is_left_out() -> None:
    rows = side_by_side([hunk([("added", "a"), ("added", "b")]), hunk([("added", "c")])])

    assert [row.begins for row in rows] == [True, False, True]
