"""Reading logs in pages."""
from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.text.decoding import MARK_BYTES
from api.domain.text.log import LineFacts, LogFilter, LogLine, LogSource
from api.domain.text.log_cursor import LogPlace
from api.domain.text.log_level import LogLevel
from api.storage.text import logs
from api.storage.text.logs import entries, read_page


@dataclass
class InMemory:
    """A file in memory that counts what is read of it."""

    content: bytes
    reads: int = field(default=0)
    times: int = field(default=0)

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, start: int, length: int) -> bytes:
        found = self.content[start:start + length]
        self.reads += len(found)
        self.times += 1
        return found


@dataclass
class Versioned(InMemory):
    """A file in memory that says which version it is."""

    version: str = ""


PIECES = st.sampled_from([
    b"plain", b"caf\xe9", "café 字 😀".encode(), b"[2026-08-01 12:00:00] [ERROR] [build] x", b"error: y", b"\r", b"\0", b"",
    b"z" * 3999, b"z" * 4001, "é".encode() * 4100, b"\xe9" * 9000, b"needle", b"x needle x", b"n" * 20_000 + b"needle",
    b"error: " + b"y" * 3990 + b"needle" + b"y" * 9000, b"needle" * 3000, b"\xff" + b"x" * 7000 + "é".encode() * 3000])
CONTENTS = st.lists(PIECES, max_size=12).flatmap(
    lambda pieces: st.sampled_from([b"\n".join(pieces), b"\n".join(pieces) + b"\n"]))


def all_lines(content: bytes, limit: int, wanted: LogFilter) -> list[LogLine]:
    return all_lines_of(InMemory(content), limit, wanted)


def all_lines_of(source: InMemory, limit: int, wanted: LogFilter) -> list[LogLine]:
    place = LogPlace()
    found: list[LogLine] = []
    for _ in range(source.size + 2):
        page = read_page(source, place, limit, wanted)
        assert len(page.lines) <= limit
        found += page.lines
        if page.next is None:
            return found
        assert page.next.offset > place.offset or page.lines
        place = page.next
    raise AssertionError("the pages do not come to an end")


@settings(deadline=None)
@given(CONTENTS, st.integers(1, 7))
def test_pages_of_any_size_give_the_same_lines(content: bytes, limit: int) -> None:
    assert all_lines(content, limit, LogFilter()) == [entry.line for entry in entries(InMemory(content), LogPlace())]


@settings(deadline=None)
@given(CONTENTS)
def test_no_byte_of_a_line_is_lost(content: bytes) -> None:
    parts: list[str] = [""]
    for entry in entries(InMemory(content), LogPlace()):
        parts[-1] += entry.line.message
        if not entry.line.continued:
            parts.append("")

    wanted = [line.removesuffix(b"\r") for line in content.removesuffix(b"\n").split(b"\n")] if content else []
    assert len(parts) - 1 == len(wanted)
    for line, text in zip(wanted, parts, strict=False):
        assert text in {line.decode("utf-8", "replace"), line.decode("cp1252", "replace")} or len(line) > 4000


@settings(deadline=None)
@given(CONTENTS, st.integers(1, 5), st.sampled_from([
    LogFilter(level=LogLevel.ERROR), LogFilter(source=LogSource.BUILD), LogFilter(contains="needle"),
    LogFilter(contains="é"), LogFilter(level=LogLevel.INFO, contains="x")]))
def test_a_filter_gives_the_lines_that_match_and_no_others(content: bytes, limit: int, wanted: LogFilter) -> None:
    found = all_lines(content, limit, wanted)

    assert [line.message for line in found] == [line.message for line in lines_that_match(content, wanted)]


@settings(deadline=None)
@given(CONTENTS, st.integers(1, 5), st.integers(1, 40_000), st.integers(1, 60_000))
def test_where_a_search_reads_and_rests_changes_nothing(content: bytes, limit: int, window: int, bound: int) -> None:
    wanted = LogFilter(contains="needle")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "SCAN_WINDOW", window)
        patch.setattr(logs, "SEARCH_LIMIT", bound)
        patch.setattr(logs, "FILTER_LIMIT", bound)
        found = all_lines(content, limit, wanted)

    assert shown(found) == shown(lines_that_match(content, wanted))


def shown(lines: list[LogLine]) -> list[tuple[str, bool, LogLevel, LogSource]]:
    """Lines without their times: a line that was found has only those of the lines shortly before it."""
    return [(line.message, line.continued, line.facts.level, line.facts.source) for line in lines]


def lines_that_match(content: bytes, wanted: LogFilter) -> list[LogLine]:
    """What a filter should find; words that lie across the parts of a long line count for the part in which they begin."""
    every = [entry.line for entry in entries(InMemory(content), LogPlace())]
    return [
        line for line, after in pairwise([*every, LogLine(LineFacts(), "")])
        if wanted.matches(line, after.message if line.continued else "")]


def test_a_page_costs_what_it_returns_wherever_it_lies() -> None:
    content = b"a line of a log\n" * 1_000_000
    near, far = InMemory(content), InMemory(content)

    read_page(near, LogPlace(), 50, LogFilter())
    read_page(far, LogPlace(len(content) - 16 * 50), 50, LogFilter())

    assert far.reads <= near.reads


def test_a_filter_looks_at_a_bounded_part_and_leads_on_from_an_empty_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILTER_LIMIT", 1000)
    monkeypatch.setattr(logs, "SEARCH_LIMIT", 1000)
    monkeypatch.setattr(logs, "SCAN_WINDOW", 300)
    source = InMemory(b"a line of a log\n" * 1000 + b"needle\n")

    by_level = read_page(source, LogPlace(), 10, LogFilter(level=LogLevel.ERROR))
    by_words = read_page(source, LogPlace(), 10, LogFilter(contains="needle"))

    assert by_level.lines == by_words.lines == ()
    assert by_level.next is not None
    assert by_level.next.offset < 1100
    assert by_words.next is not None
    assert by_words.next.offset < 1600


@pytest.mark.parametrize("wanted", [
    LogFilter(level=LogLevel.ERROR, contains="word"), LogFilter(level=LogLevel.ERROR), LogFilter(contains="absent"),
    LogFilter(contains="line\n")])
def test_a_search_reads_a_log_hardly_more_than_once_however_many_lines_are_not_wanted(wanted: LogFilter) -> None:
    source = InMemory(b"[2026-08-01 12:00:00] a line with a word\n" * 50_000)

    assert all_lines_of(source, 50, wanted) == []
    assert source.reads <= 1.5 * source.size
    assert source.times <= 50


def test_a_page_of_words_that_stand_in_every_line_reads_little() -> None:
    source = InMemory(b"a line with a word\n" * 500_000)

    page = read_page(source, LogPlace(), 50, LogFilter(contains="word"))

    assert len(page.lines) == 50
    assert source.reads <= 256 * 1024


@pytest.mark.parametrize("wanted", [LogFilter(level=LogLevel.ERROR), LogFilter(level=LogLevel.ERROR, contains="x")])
def test_a_page_decodes_a_bounded_number_of_lines_that_are_not_wanted(wanted: LogFilter) -> None:
    source = InMemory(b"x\n" * 1_000_000)

    page = read_page(source, LogPlace(), 50, wanted)

    assert page.lines == ()
    assert page.next is not None
    assert 0 < page.next.offset <= 150_000


def test_words_across_two_parts_of_a_long_line_are_found_where_they_begin() -> None:
    source = InMemory(b"a" * 3998 + b"NEEDLE" + b"b" * 100 + b"\nshort NEEDLE\n")

    page = read_page(source, LogPlace(), 10, LogFilter(contains="NEEDLE"))

    assert [line.message[-6:] for line in page.lines] == ["aaaaNE", "NEEDLE"]


def test_a_part_of_a_very_long_line_has_the_level_and_the_bounds_that_it_has_without_a_filter() -> None:
    content = b"[2026-08-01 12:00:00] [ERROR] [build] " + b"z" * 6_000_000 + b"NEEDLE" + b"b" * 100 + b"\nshort\n"
    [wanted] = [entry.line for entry in entries(InMemory(content), LogPlace()) if "NEEDLE" in entry.line.message]

    found = all_lines(content, 10, LogFilter(level=LogLevel.ERROR, contains="NEEDLE"))

    assert found == [wanted]


@pytest.mark.parametrize(("content", "ends"), [
    (b"\xff" + b"x" * 19_000 + "é".encode() + b"\n" + "é".encode() + b"\n", ["xx", "xx", "xx", "xx", "Ã©", "é"]),
    (b"x" * 4000 + "é".encode() + b"y" * 10_000 + b"\xff\n", ["xx", "yy", "yy", "yÿ"]),
    ("é".encode() * 9000 + b"\n", ["éé", "éé", "éé"])])
def test_the_parts_of_a_long_line_are_decoded_alike_also_page_by_page(content: bytes, ends: list[str]) -> None:
    assert [line.message[-2:] for line in all_lines(content, 1, LogFilter())] == ends


@settings(deadline=None)
@given(CONTENTS, st.data(), st.sampled_from([LogFilter(), LogFilter(contains="needle"), LogFilter(level=LogLevel.ERROR)]))
def test_pages_of_a_log_that_grows_give_what_the_whole_log_gives(content: bytes, data: st.DataObject, wanted: LogFilter) -> None:
    place, found = LogPlace(), list[LogLine]()
    for size in sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4))):
        for _ in range(40):
            page = read_page(InMemory(content[:size]), place, 3, wanted, grows=True)
            assert page.next is not None
            place, found = page.next, [*found, *page.lines]
    rest = read_page(InMemory(content), place, 10_000, wanted)

    assert shown([*found, *rest.lines]) == shown(all_lines(content, 10_000, wanted))


def test_what_is_new_in_a_line_that_does_not_end_is_looked_at_without_what_was_read_before() -> None:
    source = InMemory(b"one\n" + b"x" * 5_000_000)
    parts = list(entries(source, LogPlace(), grows=True))
    source.reads = 0

    again = list(entries(source, LogPlace(4 + 4000 * (len(parts) - 1), within=True), grows=True))

    assert len(parts) > 1000
    assert again == []
    # The log's mark is looked at each time.
    assert source.reads <= 16_000 + MARK_BYTES


def test_words_that_lie_across_two_reads_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SCAN_WINDOW", 64)
    source = InMemory(b"x" * 60 + b"needle" + b"\nother\n")

    page = read_page(source, LogPlace(), 10, LogFilter(contains="needle"))

    assert [line.message for line in page.lines] == ["x" * 60 + "needle"]


def test_a_line_found_by_its_words_has_the_time_of_the_lines_before_it() -> None:
    source = InMemory(b"[2026-08-01 12:00:00] start\n" + b"nothing\n" * 50 + b"needle\n")

    page = read_page(source, LogPlace(), 10, LogFilter(contains="needle"))

    assert page.lines[0].facts.at is not None
