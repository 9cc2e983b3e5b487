"""Which lines of a log no passing log has, and what is shown of them."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text import log_difference
from api.domain.text.log_difference import AROUND, OUTLINE_BYTES, SeenLines, Stretch, masked, outlines, stretches


def mask(line: str) -> bytes:
    """What a line is compared by."""
    [outline] = outlines(line.encode())
    return masked(outline)


@pytest.mark.parametrize(("one", "other"), [
    ("[2026-11-21T11:00:00Z] [INFO] [worker] started", "[2025-01-01T23:59:59.123Z] [INFO] [worker] started"),
    ("Mon Nov 30 10:00:00 2026 started", "Tue Dec  1 09:05:01 2026 started"),
    ("took 5 ms", "took 1234.5 ms"), ("offset -3", "offset 12"), ("  7% done", "100% done"),
    ("at 0x7ffd3a10 in main", "at 0xFFFFE04 in main"), ("commit 3f9a0c1bb0c6", "commit 7777777"),
    ("job f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "job 00000000-0000-0000-0000-000000000000"),
    ("cannot open /tmp/run-xyz/work/out.srt", "cannot open /home/klm/out.srt"), (r"cannot open C:\Users\me\x.ts", r"cannot open D:\y.ts"),
    ("\x1b[31mwrong\x1b[0m", "wrong"), ("wrong\r", "wrong"), ("one   two", "one two")])
def test_lines_that_differ_in_what_is_another_in_each_run_say_the_same(one: str, other: str) -> None:
    assert mask(one) == mask(other)


@pytest.mark.parametrize(("one", "other"), [
    ("started", "stopped"), ("[INFO] [worker] done", "[ERROR] [worker] done"), ("text/html", "text/plain"),
    ("cannot open /tmp/a: no such file", "cannot open /tmp/a: permission denied"), ("wrong", "Wrong"),
    ("caf\u00e9", "caf\u00f1"), ("line", "")])
def test_lines_with_other_words_do_not(one: str, other: str) -> None:
    assert mask(one) != mask(other)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_lines_in_utf_16_are_compared_like_any_others(encoding: str) -> None:
    text = "one line\nanother line\n"

    assert outlines(text.encode(encoding)) == outlines(text.encode())


@given(st.binary())
def test_there_are_as_many_outlines_as_lines(content: bytes) -> None:
    assert len(outlines(content)) == content.count(b"\n") + 1


@given(st.binary(max_size=2000).filter(lambda line: b"\n" not in line))
def test_a_line_says_the_same_as_itself(line: bytes) -> None:
    seen = SeenLines()

    seen.add(outlines(line))

    assert seen.has(outlines(line)[0]) and seen.is_complete


def test_of_a_long_line_the_beginning_is_compared() -> None:
    assert outlines(b"x" * 10_000) == [b"x" * OUTLINE_BYTES]


def test_a_line_that_was_not_seen_is_new_whenever_it_is_asked_for() -> None:
    seen = SeenLines()

    seen.add(outlines(b"open /tmp/one now\ntwo"))

    asked = outlines(b"open /tmp/other now\nthree\nthree\ntwo")
    assert [seen.has(each) for each in asked] == [True, False, False, True]


def test_too_many_different_lines_are_not_kept_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_difference, "DIFFERENT_LINES", 2)
    seen = SeenLines()

    seen.add([b"one", b"two", b"three"])

    assert not seen.is_complete
    assert sum(seen.has(each) for each in (b"one", b"two", b"three")) == 2


def test_of_too_many_different_new_lines_the_last_are_not_looked_up_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_difference, "DIFFERENT_LINES", 1)
    seen = SeenLines()

    assert not seen.has(b"one")
    assert seen.is_complete
    assert not seen.has(b"two")
    assert not seen.is_complete


@pytest.mark.parametrize(("new", "total", "shown"), [
    ([], 10, []), ([5], 100, [(2, 9)]), ([0], 100, [(0, 4)]), ([99], 100, [(96, 100)]), ([5, 12], 100, [(2, 16)]),
    ([5, 13], 100, [(2, 9), (10, 17)]), ([0], 1, [(0, 1)])])
def test_new_lines_are_shown_with_three_lines_around(new: list[int], total: int, shown: list[tuple[int, int]]) -> None:
    assert stretches(new, total, 50) == (tuple(Stretch(*each) for each in shown), 0)


def test_of_too_many_lines_the_first_and_the_last_are_shown() -> None:
    assert stretches(range(1000), 1000, 5) == ((Stretch(0, 3), Stretch(998, 1000)), 995)


@given(st.data())
def test_what_is_shown_is_in_order_within_the_log_and_within_the_limit(data: st.DataObject) -> None:
    total, limit = data.draw(st.integers(0, 60)), data.draw(st.integers(1, 20))
    new = data.draw(st.lists(st.integers(0, total - 1), unique=True).map(sorted)) if total else []

    found, omitted = stretches(new, total, limit)

    shown = [number for each in found for number in range(each.begin, each.end)]
    assert shown == sorted(set(shown) & set(range(total))) and len(shown) <= limit
    assert omitted == len(set(new) - set(shown))
    assert all(any(abs(number - each) <= AROUND for each in new) for number in shown)
    assert all(one.end < other.begin for one, other in zip(found, found[1:], strict=False))
