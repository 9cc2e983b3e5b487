from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.text.unified import UNIFIED_LIMIT, unified
from tests.domain.text.diffs import NAME, compared, encode_as, git_applied, hunks, need, pairs, patch_applied, rebuilt
from tests.examples import examples

FEW = settings(max_examples=examples(150), deadline=None)


# Without context `git apply` takes one of two equal lines for the other, in its own patches too; `patch` does not.
@FEW
@given(pairs(), st.integers(1, 5))
def test_git_apply_turns_expected_into_actual(pair: tuple[bytes, bytes], context: int) -> None:
    need("git")
    expected, actual = pair
    found, encoding = compared(expected, actual, context)
    if expected == actual:
        return

    text, truncated = unified(found, NAME)

    assert not truncated
    with TemporaryDirectory() as folder:
        assert git_applied(Path(folder), expected, encode_as(text, encoding)) == actual


@FEW
@given(pairs(), st.integers(0, 5))
def test_patch_turns_expected_into_actual(pair: tuple[bytes, bytes], context: int) -> None:
    need("patch")
    expected, actual = pair
    found, encoding = compared(expected, actual, context)
    if expected == actual:
        return

    text, _ = unified(found, NAME)

    with TemporaryDirectory() as folder:
        assert patch_applied(Path(folder), expected, encode_as(text, encoding)) == actual


@settings(max_examples=examples(500), deadline=None)
@given(pairs(), st.integers(0, 50))
def test_hunks_rebuilt_from_the_structured_form_equal_the_unified_text(pair: tuple[bytes, bytes], context: int) -> None:
    found, encoding = compared(*pair, context)

    text, _ = unified(found, NAME)

    assert b"".join(encode_as(text, encoding).split(b"\n", 3)[3:]) == rebuilt(hunks(found), encoding)


def test_what_is_the_same_has_no_text() -> None:
    found, _ = compared(b"a\n", b"a\n")

    assert unified(found, NAME) == ("", False)


def test_a_change_is_written_as_git_writes_it() -> None:
    found, _ = compared(b"1\n2\n3\n4\n5", b"1\n2\nthree\n4\n5\n", 1)

    text, _ = unified(found, NAME)

    assert text == (
        "diff --git a/output.srt b/output.srt\n--- a/output.srt\n+++ b/output.srt\n"
        "@@ -2,4 +2,4 @@\n 2\n-3\n+three\n 4\n-5\n\\ No newline at end of file\n+5\n")


def test_a_name_is_written_so_that_it_cannot_be_mistaken() -> None:
    found, _ = compared(b"a\n", b"b\n")

    text, _ = unified(found, "a b\n../c\t.srt")

    assert text.startswith("diff --git a/a_b_.._c_.srt b/a_b_.._c_.srt\n--- a/a_b_.._c_.srt\n")


def test_of_many_hunks_those_that_fit_are_a_patch_of_their_own(tmp_path: Path) -> None:
    need("patch")
    expected = b"".join(b"%d\n" % number for number in range(200))
    long = b"x" * 20_000
    actual = b"".join(b"%d%s\n" % (number, long if number % 2 else b"") for number in range(200))
    found, _ = compared(expected, actual, 0)

    text, truncated = unified(found, NAME)
    shown = text.count("\n@@ ")
    patched = patch_applied(tmp_path, expected, text.encode())

    assert truncated
    assert shown == 52
    assert patched.split(b"\n")[:2 * shown + 1] == actual.split(b"\n")[:2 * shown + 1]
    assert patched.split(b"\n")[2 * shown:] == expected.split(b"\n")[2 * shown:]


@pytest.mark.parametrize("line", [b"x" * 3_000_000, b"\xe9" * 3_000_000])
def test_a_line_that_has_no_room_is_left_out(line: bytes) -> None:
    found, _ = compared(line, b"")

    text, truncated = unified(found, NAME)

    assert truncated
    assert text.endswith("@@ -1 +0,0 @@\n")


def test_the_beginning_of_a_hunk_that_is_too_long_is_shown_in_whole_lines() -> None:
    found, _ = compared(b"old\n" * 400_000, b"")

    text, truncated = unified(found, NAME)

    assert truncated
    assert UNIFIED_LIMIT - 5 < len(text) <= UNIFIED_LIMIT
    assert text.endswith("-old\n")
