"""Reading logs that are UTF-16 as a whole."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.text.log import LogFilter, LogLine
from api.domain.text.log_cursor import LogPlace
from api.domain.text.log_level import LogLevel
from api.storage.text import logs
from api.storage.text.logs import entries, read_page
from tests.storage.text.test_logs import InMemory, all_lines, shown

MARK = "\ufeff"
WIDE = pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
# U+0A0D and U+0D0A have the bytes of a newline in them, and so do neighbours such as U+010A before U+0041.
LINES = st.lists(st.one_of(
    st.text(st.sampled_from("ab é一😀\r\u0a0d\u0d0a\u010a\u0a00\u000b"), max_size=20),
    st.sampled_from([
        "[2026-08-01 12:00:00] [ERROR] [build] x", "error: y", "x needle x", "é" * 4100, "😀" * 4100 + "needle", "z" * 9000])), max_size=9)
TEXTS = LINES.flatmap(lambda lines: st.sampled_from(["\n".join(lines), "\n".join(lines) + "\n"]))
FILTERS = st.sampled_from([LogFilter(), LogFilter(contains="needle"), LogFilter(contains="é"), LogFilter(level=LogLevel.ERROR)])


def plain(text: str, wanted: LogFilter) -> list[LogLine]:
    """The lines of the same text in UTF-8."""
    return all_lines((MARK + text).encode(), 1000, wanted)


@WIDE
@settings(deadline=None)
@given(text=TEXTS, limit=st.integers(1, 7), window=st.integers(1, 40_000), wanted=FILTERS)
def test_a_log_has_the_same_lines_in_every_encoding(encoding: str, text: str, limit: int, window: int, wanted: LogFilter) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "SCAN_WINDOW", window)
        found = all_lines((MARK + text).encode(encoding), limit, wanted)

    assert shown(found) == shown(plain(text, wanted))


@WIDE
@settings(deadline=None)
@given(text=TEXTS, sizes=st.lists(st.integers(0, 40_000), max_size=4), wanted=FILTERS)
def test_pages_of_a_log_that_grows_give_what_the_whole_log_gives(encoding: str, text: str, sizes: list[int], wanted: LogFilter) -> None:
    content = (MARK + text).encode(encoding)
    place, found = LogPlace(), list[LogLine]()
    # Two bytes at least, as a mark is written at once.
    for size in sorted(max(2, min(size, len(content))) for size in sizes):
        for _ in range(20):
            page = read_page(InMemory(content[:size]), place, 3, wanted, grows=True)
            assert page.next is not None
            place, found = page.next, [*found, *page.lines]
    rest = read_page(InMemory(content), place, 10_000, wanted)

    assert shown([*found, *rest.lines]) == shown(all_lines(content, 10_000, wanted))


@WIDE
def test_without_a_mark_a_log_that_is_over_is_known_by_its_nuls(encoding: str) -> None:
    text = "[2026-08-01 12:00:00] a line of a log\r\n" * 4

    assert [line.message for line in all_lines(text.encode(encoding), 9, LogFilter())] == text.split("\r\n")[:-1]


def test_a_place_that_was_found_before_the_encoding_was_known_is_brought_between_two_characters() -> None:
    text = "first line of a log that grows\nsecond line\n" * 3
    source = InMemory(text.encode("utf-16-le"))
    [first, *_] = entries(source, LogPlace(), grows=True)

    found = [entry.line.message for entry in entries(source, replace(first.after, facts=first.line.facts))]

    assert first.after.offset % 2 == 1
    assert found == text.splitlines()[1:]


def test_a_line_found_by_its_words_has_the_time_of_the_lines_before_it() -> None:
    text = "[2026-08-01 12:00:00] start\n" + "nothing\n" * 50 + "needle\n"

    page = read_page(InMemory((MARK + text).encode("utf-16-le")), LogPlace(), 10, LogFilter(contains="needle"))

    assert page.lines[0].facts.at is not None
