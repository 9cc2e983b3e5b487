"""What is compared of large files: the stretch between what they have in common, cut where that is too much."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.diffs import stretch
from api.diffs.channel import DiffAnswer
from api.diffs.stretch import Part, Stretch, count_lines, stretch_of
from api.domain.text.byte_difference import ByteDifference
from api.domain.text.decoding import Encoding, Reading, decode_cp1252
from api.domain.text.diff import DiffSummary, Precision, split_lines
from api.domain.text.edit_script import Change, explains
from api.domain.text.exact_diff import exact_changes
from tests.diffs.diff_files import File
from tests.domain.text.diffs import pairs

ENOUGH = 1 << 30
COMMON = b"".join(b"line %d\n" % number for number in range(1000))


def content_of(part: Part) -> bytes:
    return part.read(0, part.size)


def small_chunks(patch: pytest.MonkeyPatch) -> None:
    """Have files read in so few bytes that every step is taken."""
    patch.setattr(stretch, "CHUNK", 8)
    patch.setattr(stretch, "_WINDOW", 12)


@given(pairs(), st.integers(0, 4))
def test_what_changed_in_the_stretch_is_what_changed_in_the_files(files: tuple[bytes, bytes], context: int) -> None:
    expected, actual = files
    with pytest.MonkeyPatch.context() as patch:
        small_chunks(patch)

        found = stretch_of(File(expected), File(actual), context, ENOUGH)

    changes = [
        Change(each.expected_start + found.before, each.expected_count, each.actual_start + found.before, each.actual_count)
        for each in exact_changes(content_of(found.expected), content_of(found.actual))]
    assert explains(changes, *(split_lines(decode_cp1252(content)).comparable for content in files))
    assert (found.more_removed, found.more_added) == (0, 0)


@pytest.mark.parametrize("context", [0, 1, 3])
def test_no_more_is_compared_than_what_changed_with_the_lines_around(context: int) -> None:
    changed = COMMON.replace(b"line 500\n", b"LINE\n")

    found = stretch_of(File(COMMON), File(changed), context, ENOUGH)

    around = [b"line %d\n" % number for number in range(500 - context, 501 + context)]
    assert content_of(found.expected) == b"".join(around)
    assert found.before == 500 - context


def test_a_few_lines_against_very_many_are_compared_with_the_first_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "CUT", 50)
    few = COMMON[:COMMON.index(b"line 64\n")]

    found = stretch_of(File(few), File(COMMON), 2, 1000)
    answer = found.completed(DiffAnswer(Precision.EXACT, False, DiffSummary(4, 0, 1), b"[]", Encoding.UTF_8))

    assert content_of(found.expected) == b"line 62\nline 63\n"
    assert content_of(found.actual) == b"".join(b"line %d\n" % number for number in range(62, 68))
    assert answer == DiffAnswer(Precision.COARSE, True, DiffSummary(936, 0, 1), b"[]", Encoding.UTF_8)


def test_a_line_that_is_longer_than_what_is_compared_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "CUT", 50)

    found = stretch_of(File(b"a" * 2000), File(b"b" * 3000), 2, 1000)

    assert (found.expected.size, found.actual.size) == (50, 50)
    assert (found.more_removed, found.more_added) == (1, 1)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_cut_between_its_lines(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "CUT", 100)
    expected = "\ufeff" + "\u0a0dline\n" * 300
    actual = "\ufeff" + "\u0a0dline\n" * 100 + "other\n" * 200

    found = stretch_of(File(expected.encode(encoding)), File(actual.encode(encoding)), 2, 1000)

    assert content_of(found.expected).decode(encoding) == "\u0a0dline\n" * 8
    assert content_of(found.actual).decode(encoding) == "other\n" * 8
    assert (found.before, found.more_removed, found.more_added) == (100, 192, 192)
    assert found.reading == Reading(Encoding(encoding), 0, 0)


def test_a_mark_that_one_file_alone_has_is_a_change_of_the_first_line() -> None:
    found = stretch_of(File(COMMON), File(b"\xef\xbb\xbf" + COMMON), 1, ENOUGH)

    assert (content_of(found.actual), found.before) == (b"\xef\xbb\xbfline 0\nline 1\n", 0)
    assert found.completed(DiffAnswer(Precision.EXACT, False, DiffSummary(1, 1, 1), b"[]", Encoding.UTF_8)).bom == "actual"


def test_of_binary_files_the_first_byte_that_differs_is_told() -> None:
    zeros = bytes(5000)

    found = stretch_of(File(zeros + b"a" + zeros), File(zeros + b"b" + zeros), 1, ENOUGH)

    assert found.binary == ByteDifference(5000, 4984, (bytes(16) + b"a" + bytes(47)).hex(), (bytes(16) + b"b" + bytes(47)).hex())


def test_lines_are_counted_over_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)

    counts = [count_lines(File(content), Reading(None, 0, 0)) for content in (b"", b"a", b"a\n", COMMON, COMMON + b"x")]

    assert counts == [0, 1, 1, 1000, 1001]


def test_a_stretch_is_known_by_its_place() -> None:
    found: Stretch = stretch_of(File(COMMON), File(COMMON + b"x"), 0, ENOUGH)

    assert found.actual.name.endswith(f"[{len(COMMON)}:{len(COMMON) + 1}]")
