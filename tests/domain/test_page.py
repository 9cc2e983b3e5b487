"""Pages of lists, and cursors that lead back to their place."""
from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.errors import Invalid
from api.domain.page import Page, Position, parse_cursor, slice_page

ids = st.integers(1, 2**31 - 1)


def encoded(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@given(st.lists(st.integers(), max_size=40), st.integers(1, 10))
def test_going_from_page_to_page_shows_everything_once(items: list[int], limit: int) -> None:
    seen: list[int] = []
    offset: int | None = 0

    while offset is not None:
        page = slice_page(items, limit, offset)
        assert len(page.items) <= limit and page.total == len(items)
        seen += page.items
        offset = page.next_offset

    assert seen == items


@given(st.integers(0, 100), st.integers(1, 10))
def test_behind_the_end_there_is_no_next_page(offset: int, limit: int) -> None:
    assert slice_page([1, 2, 3], limit, max(3, offset)).next_offset is None


def test_a_page_by_cursor_that_holds_the_whole_list_has_no_next_one() -> None:
    assert Page(["a"], 10, 0, 1, next_cursor=None).next_offset is None


@given(st.text(max_size=20), st.none() | st.text(max_size=40), ids)
def test_a_cursor_leads_back_to_its_position(sort: str, key: str | None, id: int) -> None:
    position = Position(sort, key, id)
    cursor = position.cursor()

    assert parse_cursor(cursor, sort) == position
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(ids, st.text(max_size=10), st.text(max_size=10))
def test_a_cursor_is_good_for_its_own_sort_alone(id: int, sort: str, other: str) -> None:
    cursor = Position(sort, "k", id).cursor()

    if sort == other:
        assert parse_cursor(cursor, other).id == id
    else:
        with pytest.raises(Invalid):
            parse_cursor(cursor, other)


@pytest.mark.parametrize("content", [
    None, {}, [], "abc", 7, ["run_id", "k"], ["run_id", "k", 1, 2], ["run_id", 7, 1], ["run_id", [], 1], ["run_id", "k", True],
    ["run_id", "k", 1.0], ["run_id", "k", "1"], ["run_id", "k", 0], ["run_id", "k", -1], ["run_id", "k", 2**31],
    ["run_id", "k", float("nan")], [["run_id"], "k", 1], [None, "k", 1]])
def test_a_cursor_with_anything_else_in_it_is_refused(content: object) -> None:
    with pytest.raises(Invalid) as refused:
        parse_cursor(encoded(content), "run_id")

    assert set(refused.value.details["fields"]) == {"cursor"}


DEEP = base64.urlsafe_b64encode(b"[" * 100_000).decode()
LONG = base64.urlsafe_b64encode(b'["run_id","k",%s]' % (b"9" * 5000)).decode()


@pytest.mark.parametrize("cursor", ["", "A", "é", "\ud800", "=", "====", "AA AA", "AAA+", "AAA/", "_____w", "\0", DEEP, LONG])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        parse_cursor(cursor, "run_id")


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    with pytest.raises(Invalid):
        parse_cursor(text, "a sort that no generated text has")
