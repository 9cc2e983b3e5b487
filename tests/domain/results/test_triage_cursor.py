"""Cursors of triage."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.signing import SigningKey
from api.domain.errors import Conflict, Invalid
from api.domain.results.triage_cursor import TriageCursors

CURSORS = TriageCursors(7, None, SigningKey(b"k" * 32))


@given(st.integers(0, 10**9))
def test_a_cursor_leads_to_where_it_was_made(start: int) -> None:
    assert CURSORS.start_of(CURSORS.at(start)) == start


def test_without_a_cursor_a_list_begins_at_its_beginning() -> None:
    assert CURSORS.start_of(None) == 0


@pytest.mark.parametrize("cursor", [
    "12", "", TriageCursors(8, None, CURSORS.key).at(3), TriageCursors(7, "mine", CURSORS.key).at(3),
    TriageCursors(7, None, SigningKey(b"o" * 32)).at(3)])
def test_a_cursor_of_another_question_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        CURSORS.start_of(cursor)


def test_a_cursor_of_another_order_says_to_start_again() -> None:
    before, after = (TriageCursors(7, None, CURSORS.key, order=order) for order in ("", "name"))

    with pytest.raises(Conflict) as refused:
        after.start_of(before.at(3))

    assert refused.value.remedy == "Start again without a cursor."
