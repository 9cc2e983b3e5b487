"""Which lines of a log other logs do not have, in windows of any size."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.storage.text import log_comparison
from api.storage.text.log_comparison import LogDifference, compare_logs
from api.storage.text.log_sections import find_section
from tests.storage.text.test_log_sections import mark
from tests.storage.text.test_logs import InMemory

PASSING = b"one line\nanother line\nlast line\n"


def new_lines(found: LogDifference) -> list[str]:
    return [each.line.message for each in found.lines if each.is_new]


def test_lines_that_no_other_log_has_come_with_those_around_them_and_their_numbers() -> None:
    log = b"one line\n" * 10 + b"something went wrong\n" + b"last line\n" * 10

    found = compare_logs(InMemory(log), [InMemory(PASSING)], 50)

    assert new_lines(found) == ["something went wrong"]
    assert [(each.number, each.is_new) for each in found.lines] == [(number, number == 11) for number in range(8, 15)]
    assert (found.omitted_count, found.is_complete) == (0, True)


def test_a_line_is_known_if_any_of_the_others_has_it() -> None:
    found = compare_logs(InMemory(b"to be\nor not\nthat is\n"), [InMemory(b"to be\n"), InMemory(b"or not\n")], 50)

    assert new_lines(found) == ["that is"]


@pytest.mark.parametrize("window", [1, 7, 20, 64, 1000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_the_size_of_windows_makes_no_difference(window: int, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_comparison, "COMPARED_WINDOW", window)
    log = InMemory(b"one line\nnew here\n\nlast line\nnew at the end" + end)

    found = compare_logs(log, [InMemory(b"one line\n\nlast line\n")], 50)

    expected = "one line\nnew here\n\nlast line\nnew at the end".split("\n") + [""] * (end.count(b"\n") - 1)
    # Of a line that is longer than a window the beginning is compared.
    assert [each.line.message for each in found.lines] == expected
    assert "new at the end" in new_lines(found)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_log_in_utf_16_is_compared_and_shown_like_any_other(encoding: str) -> None:
    lines = [f"[2026-11-21T11:00:0{number}Z] [INFO] [worker] one line" for number in range(8)]
    log = "\n".join([*lines, "the caf\u00e9 is closed", *lines])

    found = compare_logs(InMemory(log.encode(encoding)), [InMemory("\n".join(lines).encode(encoding))], 50)

    assert new_lines(found) == ["the caf\u00e9 is closed"]
    assert [each.line.message for each in found.lines][:4] == [*lines[-3:], "the caf\u00e9 is closed"]


def test_a_line_without_a_time_has_that_of_a_line_before_it() -> None:
    log = b"[2026-11-21T11:00:00Z] [INFO] [worker] one line\n" + b"one line\n" * 10 + b"something went wrong\n"

    found = compare_logs(InMemory(log), [InMemory(log[:100])], 50)

    assert {each.line.facts.at for each in found.lines} == {datetime(2026, 11, 21, 11, tzinfo=UTC)}


def test_sections_are_compared_as_if_they_were_logs() -> None:
    passing = InMemory(mark(1) + b"one line\n" + mark(2) + b"gone wrong\n")
    failing = InMemory(mark(2) + mark(1) + b"gone wrong\n" + mark(3))
    sections = [section for section in (find_section(failing, 1), find_section(passing, 1)) if section is not None]

    found = compare_logs(sections[0], sections[1:], 50)

    assert [each.line.message for each in found.lines] == [mark(1).decode().rstrip(), "gone wrong"]
    assert new_lines(found) == ["gone wrong"]


def test_of_a_log_that_is_too_long_whole_lines_of_its_end_are_compared_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_comparison, "COMPARED_BYTES", 25)

    found = compare_logs(InMemory(b"something went wrong\nnew line\nlast line\n"), [InMemory(b"last line\n")], 50)

    assert new_lines(found) == ["new line"]
    assert not found.is_complete


def test_a_passing_log_that_is_too_long_makes_the_comparison_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_comparison, "COMPARED_BYTES", 25)

    assert not compare_logs(InMemory(b"one line\n"), [InMemory(b"one line\n" * 5)], 50).is_complete


def test_no_more_lines_are_shown_than_were_asked_for_however_long_one_is() -> None:
    log = b"x" * 100_000 + b"\nyellow\n"

    found = compare_logs(InMemory(log), [InMemory(PASSING)], 4)

    assert [(each.number, each.line.continued) for each in found.lines] == [(1, True)] * 4


@pytest.mark.parametrize("log", [b"", PASSING, b"\n"])
def test_a_log_that_says_nothing_new_has_no_lines(log: bytes) -> None:
    found = compare_logs(InMemory(log), [InMemory(PASSING + b"\n\n")], 50)

    assert found == LogDifference((), 0, is_complete=True)
