"""Since when a test fails, where outputs differ, and fair shares."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.result import Verdict
from api.domain.triage import FirstDifference, PastRun, common_length, failing_since, first_difference, share

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = PastRun(9, "c9", START + timedelta(days=9))
PAST = [PastRun(number, f"c{number}", START + timedelta(days=number)) for number in range(8, 0, -1)]


@pytest.mark.parametrize(("verdicts", "run_id", "at_least"), [
    ({8: Verdict.PASS}, 9, False),
    ({8: Verdict.FAIL, 7: Verdict.MISSING_OUTPUT, 6: Verdict.PASS, 5: Verdict.FAIL}, 7, False),
    ({8: Verdict.FAIL, 7: Verdict.SKIPPED, 5: Verdict.FAIL, 4: Verdict.PASS}, 5, False),
    ({}, 9, True),
    ({each: Verdict.FAIL for each in range(1, 9)}, 1, True),
])
def test_a_test_fails_since_the_first_run_of_an_unbroken_row(verdicts: dict[int, Verdict], run_id: int, at_least: bool) -> None:
    since = failing_since(PAST, verdicts, NOW)

    assert (since.run.run_id, since.at_least) == (run_id, at_least)


@pytest.mark.parametrize(("expected", "actual", "found"), [
    (b"a\nb\nc\n", b"a\nX\nc\n", FirstDifference(2, "b", "X")),
    (b"a\nb\n", b"a\n", FirstDifference(2, "b", None)),
    (b"", b"new", FirstDifference(1, None, "new")),
    (b"a\n", b"a\r\n", FirstDifference(1, "a", "a\r")),
    (b"no end", b"no end\n", FirstDifference(1, "no end", "no end")),
    (b"caf\xe9 a", b"caf\xe9 b", FirstDifference(1, "café a", "café b")),
])
def test_the_first_line_that_differs_is_shown_from_both_sides(expected: bytes, actual: bytes, found: FirstDifference) -> None:
    assert first_difference(expected, actual) == found


def test_a_long_line_is_cut_without_breaking_a_character() -> None:
    found = first_difference("é".encode() * 9000, b"x", width=10)

    assert found.expected == "é" * 10


def test_a_character_at_the_end_of_what_was_read_is_left_out() -> None:
    found = first_difference(b"ab" + "é".encode()[:1], b"x", width=10)

    assert found.expected == "ab"


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_the_common_length_is_that_of_the_longest_common_beginning(same: bytes, left: bytes, right: bytes) -> None:
    length = common_length(same + left, same + right)

    assert (same + left)[:length] == (same + right)[:length]
    assert (same + left)[length:length + 1] != (same + right)[length:length + 1] or length == len(same + left) == len(same + right)


@given(st.integers(-10, 10_000), st.lists(st.integers(0, 3000), max_size=30))
def test_shares_keep_to_the_budget_and_are_fair(budget: int, wants: list[int]) -> None:
    given_shares = share(budget, wants)

    assert all(0 <= part <= want for part, want in zip(given_shares, wants, strict=True))
    assert sum(given_shares) <= max(0, budget)
    if sum(wants) <= budget:
        assert given_shares == wants
    unsatisfied = [part for part, want in zip(given_shares, wants, strict=True) if part < want]
    assert not unsatisfied or max(given_shares) - min(unsatisfied) <= len(wants)
