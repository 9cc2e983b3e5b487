"""The part of a run's log that belongs to one test."""
from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.log_cursor import LogPart, LogPlace
from api.storage.text import log_sections
from api.storage.text.log_sections import find_section, section_of
from api.storage.text.logs import entries
from tests.storage.text.test_logs import InMemory, Versioned

LINE = b"[2026-11-21T11:00:00Z] [INFO] [worker] said of it\n"


def mark(regression_id: int) -> bytes:
    return b"[2026-11-21T11:00:00Z] [INFO] [worker] Regression test %d (DVB): --out=srt\n" % regression_id


def log_of(*tests: int, lines: int = 3) -> bytes:
    return b"before\n" + b"".join(mark(test) + LINE * lines for test in tests)


@pytest.mark.parametrize("test", [1, 2, 3])
@pytest.mark.parametrize("window", [100, 10_000])
def test_a_section_is_what_lies_between_a_tests_beginning_and_the_next(test: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sections, "WINDOW", window)
    monkeypatch.setattr(log_sections, "SCAN_WINDOW", window)
    log = InMemory(log_of(1, 2, 3))

    section = find_section(log, test)

    assert section is not None
    assert log.content[section.part.begin:section.size] == mark(test) + LINE * 3
    assert len(list(entries(section, LogPlace(section.part.begin)))) == 4


def test_a_test_that_the_log_does_not_name_has_no_section() -> None:
    assert find_section(InMemory(log_of(1, 2)), 12) is None


def test_a_known_section_is_had_again_without_looking_for_it() -> None:
    log = InMemory(log_of(*range(1, 12), lines=20_000))
    known = [find_section(log, test) for test in (2, 11)]
    log.reads = 0

    again = [section_of(log, section.part) for section in known if section is not None]

    assert again == known
    assert log.reads <= 2 * 128 * 1024


def test_a_section_goes_on_while_the_log_grows_and_ends_where_the_next_test_begins() -> None:
    whole = log_of(1, 2)
    sections = [find_section(InMemory(whole[:300]), 1)]

    for end in range(300, len(whole) + 1):
        before = sections[-1]
        assert before is not None
        sections.append(section_of(InMemory(whole[:end]), before.part))

    assert sections[-1] is not None
    assert whole[sections[-1].part.begin:sections[-1].size] == mark(1) + LINE * 3


def test_a_section_says_up_to_which_line_its_end_was_looked_for() -> None:
    content = log_of(1) + b"half a li"

    section = find_section(InMemory(content), 1)

    assert section is not None
    assert (section.part, section.size) == (LogPart(7, len(content) - 9), len(content))


def test_what_only_quotes_a_beginning_begins_nothing() -> None:
    quoted = b"[2026-11-21T11:00:00Z] [INFO] [test] said " + mark(2)
    log = InMemory(b"before\n" + quoted * 2 + mark(1) + LINE + quoted + mark(2) + LINE)

    sections = [find_section(log, test) for test in (1, 2)]

    assert [log.content[each.part.begin:each.size] for each in sections if each] == [mark(1) + LINE + quoted, mark(2) + LINE]


@given(st.lists(st.sampled_from([1, 2, 3, None]), max_size=12), st.permutations([1, 2, 3, 4]), st.integers(60, 400))
def test_a_search_that_another_began_finds_the_same(tests: list[int | None], asked: list[int], window: int) -> None:
    content = b"".join(LINE if test is None else mark(test) for test in tests) + b"half a li"
    log = Versioned(content, version=f"{content!r} in {window}")

    with patch.multiple(log_sections, WINDOW=window, SCAN_WINDOW=window, KEPT_TESTS=2):
        for test in asked * 2:
            alone, again = find_section(InMemory(content), test), find_section(log, test)
            assert (again and (again.part, again.size)) == (alone and (alone.part, alone.size))


def test_a_log_is_searched_once_for_all_its_tests() -> None:
    log = Versioned(log_of(*range(1, 12), lines=20_000), version="of eleven tests")
    find_section(log, 12)
    log.reads = 0

    found = [find_section(log, test) for test in (12, 1, 5, 11)]

    begins = [section and log.content[section.part.begin:][:len(mark(11))] for section in found]
    assert [begin and begin.partition(b"\n")[0] + b"\n" for begin in begins] == [None, mark(1), mark(5), mark(11)]
    # What is read is where each of the three ends.
    assert log.reads <= 3 * (128 * 1024 + (4 << 20))


def test_a_search_goes_on_where_that_for_another_test_stopped() -> None:
    log = Versioned(log_of(*range(1, 60), lines=20_000), version="of many tests")
    find_section(log, 50)
    log.reads = 0

    section = find_section(log, 59)

    assert section is not None and log.reads < section.part.begin // 2
