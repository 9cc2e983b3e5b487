from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.text.decoding import MARK, Encoding, decode_pair
from api.domain.text.diff import HUNK_LIMIT, LINE_LIMIT, Change, DiffHunk, DiffSummary, difference, hunks_of, split_lines
from tests.domain.text.diffs import compared, encode_as, hunks, pairs

numbers = [b"%d\n" % number for number in range(1, 101)]


def shape(hunk: DiffHunk) -> str:
    return "".join({"context": " ", "removed": "-", "added": "+"}[line["kind"]] for line in hunk["lines"])


@given(st.binary(), st.binary())
def test_every_file_is_read_without_loss(expected: bytes, actual: bytes) -> None:
    encoding, *texts = decode_pair(expected, actual)

    assert [encode_as(text, encoding) for text in texts] == [expected, actual]


@pytest.mark.parametrize(("expected", "actual", "encoding"), [
    (b"", b"", Encoding.UTF_8), ("é".encode(), b"e", Encoding.UTF_8), ("é".encode(), b"\xe9", Encoding.CP1252),
    (b"\x80", b"", Encoding.CP1252),
    ("é\0\u2028".encode(), b"\0", Encoding.UTF_8), (b"\xed\xa0\x80", b"", Encoding.CP1252)])
def test_both_files_are_read_as_utf_8_or_none_is(expected: bytes, actual: bytes, encoding: Encoding) -> None:
    assert decode_pair(expected, actual)[0] is encoding


def test_cp1252_is_shown_as_people_know_it() -> None:
    _, expected, actual = decode_pair(b"\x80\x93caf\xe9\x94", b"\x81")

    assert (expected, actual) == ("€“café”", "\x81")


@pytest.mark.parametrize(("text", "texts", "ended"), [
    ("", [], True), ("\n", [""], True), ("a", ["a"], False), ("a\n", ["a"], True),
    ("a\r\nb\x0bc\x0cd\x1ce\x85f\u2028g\rh", ["a\r", "b\x0bc\x0cd\x1ce\x85f\u2028g\rh"], False)])
def test_only_a_newline_ends_a_line(text: str, texts: list[str], ended: bool) -> None:
    found = split_lines(text)

    assert (found.texts, found.unended) == (texts, -1 if ended else len(texts) - 1)
    assert found.longest == max(map(len, texts), default=0)


def test_a_changed_line_stands_between_its_context() -> None:
    found, _ = compared(b"".join(numbers), b"".join(numbers).replace(b"50\n", b"fifty\n"), 2)

    [hunk] = hunks(found)

    assert (hunk["expected_start"], hunk["actual_start"]) == (48, 48)
    assert hunk["lines"] == [
        {"kind": "context", "expected_line": 48, "actual_line": 48, "text": "48"},
        {"kind": "context", "expected_line": 49, "actual_line": 49, "text": "49"},
        {"kind": "removed", "expected_line": 50, "actual_line": None, "text": "50"},
        {"kind": "added", "expected_line": None, "actual_line": 50, "text": "fifty"},
        {"kind": "context", "expected_line": 51, "actual_line": 51, "text": "51"},
        {"kind": "context", "expected_line": 52, "actual_line": 52, "text": "52"}]
    assert found.summary == DiffSummary(added_lines=1, removed_lines=1, changed_hunks=1)


@pytest.mark.parametrize(("context", "shapes"), [(0, ["-+", "-+"]), (1, [" -+ ", " -+ "]), (2, ["  -+    -+  "]),
    (50, ["-+".rjust(43) + "    -+".ljust(56)])])
def test_changes_whose_context_meets_are_one_hunk(context: int, shapes: list[str]) -> None:
    changed = [b"x\n" if line in (b"42\n", b"47\n") else line for line in numbers]

    found, _ = compared(b"".join(numbers), b"".join(changed), context)

    assert [shape(hunk) for hunk in hunks(found)] == shapes
    assert found.summary.changed_hunks == len(shapes)


@pytest.mark.parametrize(("expected", "actual", "starts"), [
    (b"", b"a\n", (0, 1)), (b"a\n", b"", (1, 0)), (b"a\nb\n", b"a\nx\nb\n", (1, 2)), (b"a\nx\nb\n", b"a\nb\n", (2, 1))])
def test_without_context_a_side_without_lines_names_the_line_before(expected: bytes, actual: bytes, starts: tuple[int, int]) -> None:
    found, _ = compared(expected, actual, 0)

    [hunk] = hunks(found)

    assert (hunk["expected_start"], hunk["actual_start"]) == starts


def test_the_end_of_a_file_without_a_newline_is_a_difference_and_shown() -> None:
    found, _ = compared(b"a\nb\n", b"a\nb", 1)

    [hunk] = hunks(found)

    assert shape(hunk) == " -+"
    assert [line.get("no_newline") for line in hunk["lines"]] == [None, None, True]


def test_a_last_line_that_both_have_without_a_newline_says_so_once() -> None:
    found, _ = compared(b"a\nb", b"x\nb", 1)

    [hunk] = hunks(found)

    assert hunk["lines"][-1] == {"kind": "context", "expected_line": 2, "actual_line": 2, "text": "b", "no_newline": True}


def test_line_ends_are_part_of_the_line() -> None:
    found, _ = compared(b"a\nb\n", b"a\r\nb\r\n")

    [hunk] = hunks(found)

    assert [line["text"] for line in hunk["lines"]] == ["a", "b", "a\r", "b\r"]


@pytest.mark.parametrize(("length", "cut"), [(1000, None), (1001, True), (100_000, True)])
def test_only_a_line_over_a_thousand_characters_is_cut(length: int, cut: bool | None) -> None:
    found, _ = compared(b"", "é".encode() * length)

    [hunk] = hunks(found)

    assert hunk["lines"][0]["text"] == "é" * 1000
    assert hunk["lines"][0].get("text_truncated") is cut


def test_a_hunk_over_500_lines_goes_on_in_the_next() -> None:
    expected, actual = b"".join(b"e%d\n" % number for number in range(700)), b"".join(b"a%d\n" % number for number in range(400))
    found, _ = compared(expected, actual, 3)

    parts = hunks(found)

    assert [(part["expected_start"], part["actual_start"], len(part["lines"])) for part in parts] == [
        (1, 0, 500), (501, 1, 500), (700, 301, 100)]
    assert [shape(part) for part in parts] == ["-" * 500, "-" * 200 + "+" * 300, "+" * 100]
    assert found.summary == DiffSummary(added_lines=400, removed_lines=700, changed_hunks=1)


@given(pairs(), st.integers(0, 50))
def test_hunks_number_the_lines_of_both_files_and_hold_every_change(pair: tuple[bytes, bytes], context: int) -> None:
    found, _ = compared(*pair, context)

    lines = [line for hunk in hunks(found) for line in hunk["lines"]]

    for line in lines:
        if line["expected_line"] is not None:
            assert found.expected.texts[line["expected_line"] - 1] == line["text"]
        if line["actual_line"] is not None:
            assert found.actual.texts[line["actual_line"] - 1] == line["text"]
    assert sum(line["kind"] == "removed" for line in lines) == found.summary.removed_lines
    assert sum(line["kind"] == "added" for line in lines) == found.summary.added_lines
    assert all(hunk["lines"] and len(hunk["lines"]) <= LINE_LIMIT for hunk in hunks(found))


def test_counts_are_of_the_whole_however_many_hunks_are_taken() -> None:
    expected, actual = b"same\nold\n" * 1000, b"same\nnew\n" * 1000
    found, _ = compared(expected, actual, 0)

    taken = [hunk for hunk, _ in zip(hunks(found), range(HUNK_LIMIT), strict=False)]

    assert len(taken) == HUNK_LIMIT
    assert found.summary == DiffSummary(added_lines=1000, removed_lines=1000, changed_hunks=1000)


def test_coarser_changes_are_shown_alike() -> None:
    found, _ = compared(b"a\nb\nc\n", b"a\nx\nc\n", 0, [Change(0, 3, 0, 3)])

    [hunk] = hunks(found)

    assert shape(hunk) == "---+++"


def test_a_byte_order_mark_is_in_no_line_that_is_shown() -> None:
    found = difference(split_lines(f"{MARK}a\nb\n"), split_lines("a\nb\n"), [Change(0, 1, 0, 1)], 1, mark=MARK)

    [hunk] = hunks_of(found)

    assert [line["text"] for line in hunk["lines"]] == ["a", "a", "b"]
