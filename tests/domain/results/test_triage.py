"""Since when a test fails, where outputs differ, and fair shares."""
from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from itertools import takewhile

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.domain.results.base_run import PastRun
from api.domain.results.failure import failures_of
from api.domain.results.origin import FailingSince, Origin
from api.domain.results.triage import FailingTest, first_difference, in_fair_order, in_order_of_causes, share
from tests.domain.results.judged_tests import OTHER, judged, make_test

SINCE = FailingSince(PastRun(9, "c9", datetime(2026, 1, 1, tzinfo=UTC)), at_least=False)


@pytest.mark.parametrize(("expected", "actual", "line", "column", "shown"), [
    (b"a\nb\nc\n", b"a\nX\nc\n", 2, 1, ("b", "X")),
    (b"a\nb\n", b"a\n", 2, 1, ("b", None)),
    (b"", b"new", 1, 1, (None, "new")),
    (b"a\n", b"a\n\n", 2, 1, (None, "")),
    (b"a\n", b"a\r\n", 1, 2, ("a", "a\r")),
    (b"short\n", b"shorter\n", 1, 6, ("short", "shorter")),
    (b"caf\xe9 a", b"caf\xe9 b", 1, 6, ("café a", "café b")),
    (b"caf\xc3\xa9", b"caf\xe9", 1, 4, ("cafÃ©", "café")),
    (b"ab\xc3", b"ab", 1, 3, ("abÃ", "ab")),
    ("é".encode(), "è".encode(), 1, 1, ("é", "è")),
    (b"\x81", b"\x8d", 1, 1, ("\x81", "\x8d")),
])
def test_the_first_line_that_differs_is_shown_from_both_sides(
    expected: bytes, actual: bytes, line: int, column: int, shown: tuple[str | None, str | None],
) -> None:
    found = first_difference(expected, actual)

    assert (found.line, found.column, found.shown(500), found.no_newline) == (line, column, shown, None)


@pytest.mark.parametrize(("expected", "actual", "lacks"), [
    (b"no end", b"no end\n", "expected"), (b"a\nno end\n", b"a\nno end", "actual"), (b"no end", b"no end\nmore", "expected")])
def test_a_newline_that_a_file_lacks_at_its_end_is_named_and_shown(expected: bytes, actual: bytes, lacks: str) -> None:
    found = first_difference(expected, actual)

    shown = dict(zip(("expected", "actual"), found.shown(500), strict=True))
    assert found.no_newline == lacks
    assert shown == {each: "no end" if each == lacks else "no end\n" for each in shown}


def test_a_line_that_differs_far_from_its_start_is_shown_there() -> None:
    found = first_difference("é".encode() * 9000 + b"1" + b"x" * 9000, "é".encode() * 9000 + b"2")

    assert (found.line, found.column) == (1, 9001)
    assert found.shown(10) == ("…ééééé1xxxx…", "…ééééé2")


def test_a_long_line_is_not_cut_within_a_character() -> None:
    found = first_difference(b"1" + "é".encode() * 9000, b"2" + "é".encode() * 9000)

    assert found.shown(4) == ("1ééé…", "2ééé…")


def test_a_line_that_fits_is_shown_whole() -> None:
    found = first_difference(b"1\n00:00:01,000 --> 00:00:02,000\n", b"1\n00:00:01,000 --> 00:00:02,040\n")

    assert found.shown(29) == ("00:00:01,000 --> 00:00:02,000", "00:00:01,000 --> 00:00:02,040")
    assert found.shown(28) == ("…0:00:01,000 --> 00:00:02,000", "…0:00:01,000 --> 00:00:02,040")


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a text with their newlines, as it is read from a file."""
    return BytesIO(text).readlines()


PIECES = st.lists(st.sampled_from([
    b"\n", b"\r", b"a", b"b", b"\xc3", b"\xa9", b"\xe9", b"\x81", b"\xff", "é".encode(), "é".encode() * 700, "😀".encode(), b"x" * 2500]),
    max_size=12).map(b"".join)


@given(PIECES, PIECES, PIECES, st.integers(1, 600))
def test_what_is_shown_of_two_files_is_never_the_same(same: bytes, left: bytes, right: bytes, width: int) -> None:
    expected, actual = same + left, same + right
    assume(expected != actual)

    found = first_difference(expected, actual)

    texts = found.shown(width)
    assert texts[0] != texts[1]
    assert all(text is None or len(text) <= width + 2 for text in texts)
    assert found.line == 1 + len(list(takewhile(lambda pair: pair[0] == pair[1], zip(*map(lines_of, (expected, actual)), strict=False))))


@given(st.text("ab\réß😀", max_size=40), st.text("ab\n😀", max_size=40), st.text("ab\n😀", max_size=40))
def test_the_column_counts_characters(same: str, left: str, right: str) -> None:
    assume(left[:1] != right[:1])
    expected, actual = ("first\n" + same + left).encode(), ("first\n" + same + right).encode()

    found = first_difference(expected, actual)

    assert (found.line, found.column) == (2, len(same) + 1)


@given(st.integers(-10, 10_000), st.lists(st.integers(0, 3000), max_size=30))
def test_shares_keep_to_the_budget_and_are_fair(budget: int, wants: list[int]) -> None:
    given_shares = share(budget, wants)

    assert all(0 <= part <= want for part, want in zip(given_shares, wants, strict=True))
    assert sum(given_shares) <= max(0, budget)
    if sum(wants) <= budget:
        assert given_shares == wants
    unsatisfied = [part for part, want in zip(given_shares, wants, strict=True) if part < want]
    assert not unsatisfied or max(given_shares) - min(unsatisfied) <= len(wants)


def failing(number: int, origin: Origin, category: str = "DVB", *, exit_code: int = 0) -> FailingTest:
    test = judged(make_test(number, categories=[category]), exit_code=exit_code, got={1: OTHER})
    return FailingTest(test, failures_of(test), SINCE, "passing", origin)


def test_each_cause_has_its_turn_in_the_order_of_origins_and_of_how_many_tests_it_has() -> None:
    tests = [
        *(failing(number, Origin.NOT_MINE) for number in range(1, 4)), failing(4, Origin.MINE, "DVB"),
        *(failing(number, Origin.MINE, "Teletext") for number in (5, 6)), failing(7, Origin.UNKNOWN),
        failing(8, Origin.MINE, exit_code=139)]

    assert [test.judged.test.regression_id for test in in_fair_order(tests)] == [5, 4, 8, 7, 1, 6, 2, 3]


ORIGINS = st.lists(
    st.builds(failing, st.integers(1, 99), st.sampled_from(Origin), st.sampled_from(["DVB", "Teletext", "SCC"])), max_size=20)


@given(ORIGINS)
def test_no_cause_has_its_second_turn_before_every_cause_had_its_first(tests: list[FailingTest]) -> None:
    order = in_fair_order(tests)

    causes = [(test.origin, test.cause) for test in order]
    assert sorted(map(id, order)) == sorted(map(id, tests))
    assert len(set(causes[:len(set(causes))])) == len(set(causes))
    firsts = [list(Origin).index(origin) for origin, _ in causes[:len(set(causes))]]
    assert firsts == sorted(firsts)


def test_causes_that_are_known_take_turns_and_no_test_is_shown_twice_or_left_out() -> None:
    tests = [failing(number, Origin.MINE) for number in range(1, 7)]

    order = in_order_of_causes(tests, [(4, 5, 6), (2, 4), (9,)])

    assert [test.judged.test.regression_id for test in order] == [4, 2, 5, 6, 1, 3]
