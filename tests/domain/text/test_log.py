"""Lines of a log: decoding, times, levels, sources."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.decoding import Encoding
from api.domain.text.log import LineFacts, LogFilter, LogLine, LogSource, facts_of, stamp_of
from api.domain.text.log_level import LogLevel

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("text", "level", "source"), [
    ("[2026-08-01 12:00:00] [ERROR] [build] linking failed", LogLevel.ERROR, LogSource.BUILD),
    ("[2026-08-01T12:00:00Z] [INFO] [test_runner] started", LogLevel.INFO, LogSource.TEST_RUNNER),
    ("[web] [WARN] slow", LogLevel.WARNING, LogSource.WEB),
    ("[CRITICAL] out of memory", LogLevel.CRITICAL, LogSource.WORKER),
    ("error: no such file", LogLevel.ERROR, LogSource.WORKER),
    ("Warning: deprecated", LogLevel.WARNING, LogSource.WORKER),
    ("src/main.c:12:3: error: expected ';'", LogLevel.ERROR, LogSource.WORKER),
    ("src/main.c:12: fatal error: stdio.h", LogLevel.CRITICAL, LogSource.WORKER),
    ("2026-08-01 12:00:00,123 DEBUG: nothing", LogLevel.DEBUG, LogSource.WORKER),
    ("no error here, and [ERROR] only in the middle", LogLevel.INFO, LogSource.WORKER),
    ("an error: but not at the start", LogLevel.INFO, LogSource.WORKER),
    ("errors:", LogLevel.INFO, LogSource.WORKER),
    ("[section] [ERROR] behind a word that is no mark", LogLevel.INFO, LogSource.WORKER),
    ("", LogLevel.INFO, LogSource.WORKER),
])
def test_level_and_source_are_told_by_marks_at_the_start_of_a_line(text: str, level: LogLevel, source: LogSource) -> None:
    facts = facts_of(text, LineFacts())

    assert (facts.level, facts.source) == (level, source)


@pytest.mark.parametrize(("text", "at"), [
    ("[2026-08-01 12:00:00] x", datetime(2026, 8, 1, 12, tzinfo=UTC)),
    ("2026-08-01T12:00:00Z x", datetime(2026, 8, 1, 12, tzinfo=UTC)),
    ("2026-08-01T14:00:00+02:00 x", datetime(2026, 8, 1, 12, tzinfo=UTC)),
    ("2026-08-01T14:00:00+0200 x", datetime(2026, 8, 1, 12, tzinfo=UTC)),
    ("2026-08-01 12:00:00,5 x", datetime(2026, 8, 1, 12, 0, 0, 500000, tzinfo=UTC)),
    ("2026-08-01 12:00:00.1234567 UTC x", datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)),
    ("2026-13-01 12:00:00 x", None),
    ("0001-01-01 00:00:00 +14:00 x", None),
    ("x 2026-08-01 12:00:00", None),
])
def test_a_lines_time_is_read_at_its_start(text: str, at: datetime | None) -> None:
    assert stamp_of(text) == at


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    assert facts_of("no time", LineFacts(EARLIER)).at == EARLIER


def test_a_line_with_an_impossible_time_has_that_of_the_line_before_and_its_own_level() -> None:
    facts = facts_of("2026-02-30 12:00:00 x", LineFacts(EARLIER))

    assert facts.at == EARLIER


@given(st.text())
def test_no_text_breaks_the_reading_of_its_marks(text: str) -> None:
    assert facts_of(text, LineFacts(EARLIER)).at is not None


def test_a_filter_asks_for_level_source_and_words_with_their_case() -> None:
    line = LogLine(LineFacts(None, LogLevel.ERROR, LogSource.BUILD), "Linking failed")

    assert LogFilter().matches(line)
    assert LogFilter(LogLevel.ERROR, LogSource.BUILD, "Linking").matches(line)
    assert not LogFilter(LogLevel.INFO).matches(line)
    assert not LogFilter(source=LogSource.WEB).matches(line)
    assert not LogFilter(contains="linking").matches(line)


def test_words_are_looked_for_in_both_encodings() -> None:
    assert LogFilter(contains="é").needles(None) == (b"\xc3\xa9", b"\xe9")
    assert LogFilter(contains="字").needles(None) == ("字".encode(),)
    assert LogFilter(contains="").needles(None) == ()
    assert LogFilter(contains="é").needles(Encoding.UTF_16_LE) == (b"\xe9\0",)


@pytest.mark.parametrize(("words", "is_hopeless"), [(None, False), ("", False), ("words", False), ("\n", True), ("two\nlines", True)])
def test_nothing_is_looked_for_that_no_line_can_have(words: str | None, is_hopeless: bool) -> None:
    assert LogFilter(contains=words).is_hopeless is is_hopeless


def test_a_text_in_a_long_line_belongs_to_the_part_in_which_it_begins() -> None:
    line = LogLine(LineFacts(), "a nee", continued=True)

    assert LogFilter(contains="needle").matches(line, "dle in a haystack")
    assert not LogFilter(contains="needle").matches(line, "needle")
