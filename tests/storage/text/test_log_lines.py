"""Lines of a log by their numbers, and by words."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.storage.text import log_lines
from api.storage.text.log_lines import find_lines, read_lines
from tests.storage.text.test_logs import InMemory, Versioned

LINES = st.lists(st.sampled_from(["", "plain", "A needle", "caf\xe9 字 ਊ", "z" * 90, "needle needle", "NEEDLE"]), max_size=40)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that a log of a test has many of, and lines that are longer than one."""
    monkeypatch.setattr(log_lines, "BLOCK", 64)


@given(LINES, st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]), st.booleans(), st.integers(1, 45))
def test_lines_have_the_numbers_that_an_editor_gives_them(lines: list[str], encoding: str, ended: bool, first: int) -> None:
    text = "\ufeff" + "mark\n" * 40 + "".join(f"{line}\n" for line in lines) + ("" if ended else "open")
    known = text.removeprefix("\ufeff").split("\n")
    known = known[:-1] if not known[-1] else known

    found = read_lines(InMemory(text.encode(encoding)), first, 5)

    assert found.total == len(known)
    begin = min(first, len(known))
    assert [(line.number, line.text) for line in found.lines] == list(enumerate(known, 1))[begin - 1:begin + 4]


@given(LINES, st.sampled_from(["utf-8", "utf-16-le"]), st.integers(1, 90), st.integers(1, 5))
def test_the_lines_with_some_words_are_found_from_any_line_on(lines: list[str], encoding: str, first: int, most: int) -> None:
    text = "\ufeff" + "mark\n" * 40 + "".join(f"{line}\n" for line in lines)
    known = [number for number, line in enumerate(text.split("\n"), 1) if "needle" in line.lower() and number >= first]

    found = find_lines(InMemory(text.encode(encoding)), "Needle", first, most)

    assert [line.number for line in found.lines] == known[:most]
    assert found.next == (known[most] if len(known) > most else None)


@given(LINES, st.sampled_from(["utf-8", "utf-16-le"]), st.integers(1, 90))
def test_in_a_log_whose_lines_were_counted_the_same_is_found(lines: list[str], encoding: str, first: int) -> None:
    text = "\ufeff" + "mark\n" * 40 + "".join(f"{line}\n" for line in lines)
    content = text.encode(encoding)
    counted = Versioned(content, version=content.hex())
    read_lines(counted, 1, 1)

    assert find_lines(counted, "Needle", first, 3) == find_lines(InMemory(content), "Needle", first, 3)


def test_of_a_log_whose_lines_were_counted_only_what_follows_a_line_is_searched() -> None:
    log = Versioned(b"line\n" * 1_000, version="a thousand lines")
    read_lines(log, 1, 1)
    log.reads = 0

    found = find_lines(log, "line", 990, 5)

    assert [line.number for line in found.lines] == [990, 991, 992, 993, 994]
    assert log.reads < len(log.content)


def test_the_lines_that_a_search_went_through_are_not_counted_again() -> None:
    log = Versioned(b"line\n" * 1_000, version="searched to its end")
    find_lines(log, "needle", 1, 5)
    log.reads = 0

    excerpt = read_lines(log, 990, 5)

    assert (excerpt.total, [line.number for line in excerpt.lines]) == (1_000, [990, 991, 992, 993, 994])
    assert log.reads < len(log.content)


def test_a_search_that_stopped_before_the_end_has_not_counted_all_lines() -> None:
    log = Versioned(b"line\n" * 1_000, version="searched to its first line")
    find_lines(log, "line", 1, 1)

    assert read_lines(log, 990, 5).total == 1_000


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_search_asks_for_each_block_once(is_counted: bool) -> None:
    log = Versioned(b"no word in it\n" * 1_000, version=f"asked {is_counted}")
    if is_counted:
        read_lines(log, 1, 1)
    log.times = 0

    find_lines(log, "needle", 1, 5)

    # The head, for its encoding, once for the words and once for the lines.
    assert log.times - 2 == -(-len(log.content) // (log_lines.BLOCK // 14 * 14))


def test_where_there_are_not_so_many_lines_the_last_one_is_read() -> None:
    found = read_lines(InMemory(b"one\ntwo\n"), 4711, 5)

    assert [(line.number, line.text) for line in found.lines] == [(2, "two")]


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_a_log_may_be_empty(content: bytes) -> None:
    assert find_lines(InMemory(content), "x", 1, 5).lines == ()
    assert read_lines(InMemory(content), 1, 5).total == len(content)


def test_a_word_far_behind_in_a_long_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "BLOCK", 1 << 20)

    line, = find_lines(InMemory(b"x" * 50_000 + b" needle " + b"x" * 50_000 + b"\n"), "needle", 1, 5).lines

    assert "needle" in line.text and line.is_cut and len(line.text) <= log_lines.SHOWN_BYTES


def test_what_is_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "SEARCH_LIMIT", 256)
    log = InMemory(b"line\n" * 1_000)

    found = read_lines(log, 900, 5)

    assert not found.is_counted and found.total < 100
