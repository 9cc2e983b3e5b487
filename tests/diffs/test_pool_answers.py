"""What a pool of processes says of two files, and how coarse it is where they ask too much."""
from __future__ import annotations

import orjson
import pytest

from api.diffs.channel import DiffAnswer, View
from api.diffs.pool import SIZE_LIMIT, DiffPool, fallback_difference
from api.domain.errors import Unavailable
from api.domain.text.byte_difference import ByteDifference
from api.domain.text.decoding import Encoding
from api.domain.text.diff import DiffSummary, Precision
from tests.diffs.diff_files import File, shuffled, unique
from tests.diffs.pools import DIES, UNIFIED, VIEW, MakePool, children_of
from tests.domain.text.diffs import compared, hunks
from tests.e2e.processes import eventually


def test_the_answer_is_that_of_the_library(pool: DiffPool) -> None:
    expected, actual = b"a\nb\nc\n", b"a\nx\nc"
    found, _ = compared(expected, actual)

    answer = pool.compare(File(expected), File(actual), VIEW)

    assert orjson.loads(answer.shown) == hunks(found)
    assert answer == DiffAnswer(Precision.EXACT, False, found.summary, answer.shown, Encoding.UTF_8)


def test_the_unified_text_comes_as_one(pool: DiffPool) -> None:
    answer = pool.compare(File(b"caf\xe9\n"), File(b"tea\n"), UNIFIED)

    assert orjson.loads(answer.shown).splitlines()[1:] == ["--- a/output.srt", "+++ b/output.srt", "@@ -1 +1 @@", "-café", "+tea"]
    assert answer.encoding is Encoding.CP1252


def test_files_of_many_parts_arrive_whole(pool: DiffPool) -> None:
    expected = unique(3_500_000, 1)
    actual = File(expected.content + b"one more\n")

    answer = pool.compare(expected, actual, VIEW)

    assert answer.summary == DiffSummary(added_lines=1, removed_lines=0, changed_hunks=1)
    assert len(expected.reads) == 4


@pytest.mark.parametrize(("expected", "actual"), [(b"", b""), (b"a", b"a"), (b"", b"\n"), (b"\0", b"")])
def test_the_smallest_files_are_compared_too(pool: DiffPool, expected: bytes, actual: bytes) -> None:
    answer = pool.compare(File(expected), File(actual), VIEW)

    assert answer.is_identical == (expected == actual)


def test_beyond_500_hunks_the_rest_is_left_out_but_counted(pool: DiffPool) -> None:
    answer = pool.compare(File(b"same\nold\n" * 1000), File(b"same\nnew\n" * 1000), View(0, False, "x"))

    assert answer.truncated
    assert len(orjson.loads(answer.shown)) == 500
    assert answer.summary == DiffSummary(added_lines=1000, removed_lines=1000, changed_hunks=1000)


def test_500_hunks_are_not_truncated(pool: DiffPool) -> None:
    answer = pool.compare(File(b"same\nold\n" * 500), File(b"same\nnew\n" * 500), View(0, False, "x"))

    assert not answer.truncated
    assert len(orjson.loads(answer.shown)) == 500


def test_a_pair_that_takes_too_long_is_told_apart_more_coarsely(make_pool: MakePool) -> None:
    pool = make_pool(seconds=10)
    pool.compare(File(b"a\n"), File(b"b\n"), VIEW)
    [pid] = pool.pids
    [at_work] = children_of(pid)
    expected, actual = shuffled(16 << 20, 1), shuffled(16 << 20, 2)
    marked = File(b"first\n" + expected.content + b"last\n"), File(b"first\n" + actual.content + b"last\n")

    answer = pool.compare(*marked, VIEW)

    assert answer.precision is Precision.COARSE
    assert answer.truncated
    assert answer.summary.changed_hunks == 1
    assert orjson.loads(answer.shown)[0]["lines"][0]["text"] == "first"
    eventually(lambda: len(children_of(pid)) == 1 and at_work not in children_of(pid), "a process in its place")


def test_files_that_have_nothing_in_common_are_no_trouble(pool: DiffPool) -> None:
    answer = pool.compare(unique(10 << 20, 1), unique(10 << 20, 2), VIEW)

    assert answer.precision is Precision.EXACT
    assert answer.truncated
    assert len(orjson.loads(answer.shown)) == 500


def test_files_that_take_more_memory_than_a_process_may_use_are_counted(make_pool: MakePool) -> None:
    pool = make_pool(seconds=30)

    answer = pool.compare(File(b"\n" * (32 << 20)), File(b"a\n" * (16 << 20)), VIEW)

    assert answer.precision is Precision.COARSE
    assert answer.summary == DiffSummary(added_lines=16 << 20, removed_lines=32 << 20, changed_hunks=1)


def test_of_files_beyond_the_size_limit_the_first_that_differs_is_shown_and_all_is_counted(pool: DiffPool) -> None:
    answer = pool.compare(File(b"\n" * (SIZE_LIMIT + 1)), File(b"a\nb"), VIEW)

    assert (answer.precision, answer.truncated) == (Precision.COARSE, True)
    assert answer.summary == DiffSummary(2, SIZE_LIMIT + 1, 1)
    assert orjson.loads(answer.shown)[0]["lines"][0] == {"kind": "removed", "expected_line": 1, "actual_line": None, "text": ""}


def test_large_files_that_have_most_in_common_are_compared_exactly(pool: DiffPool) -> None:
    lines = b"".join(b"%d\n" % number for number in range(6_000_000))
    changed = lines.replace(b"\n3000000\n", b"\nchanged\n")

    answer = pool.compare(File(lines), File(changed), View(0, True, "x"))

    assert len(lines) > SIZE_LIMIT
    assert (answer.precision, answer.truncated, answer.summary) == (Precision.EXACT, False, DiffSummary(1, 1, 1))
    assert orjson.loads(answer.shown).splitlines()[-3:] == ["@@ -3000001 +3000001 @@", "-3000000", "+changed"]


def test_binary_files_are_told_as_that(pool: DiffPool) -> None:
    answer = pool.compare(File(b"\0abc"), File(b"\0abd"), VIEW)

    assert answer.binary == ByteDifference(3, 0, "00616263", "00616264")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_where_nothing_is_shown_the_lines_of_utf_16_are_counted_by_its_newlines(encoding: str) -> None:
    # These characters have a newline's byte in them.
    expected, actual = "\u0a0d上 line\n" * 500, "\u0a0d上 line\n" * 300 + "unended"

    answer = fallback_difference(File(expected.encode(encoding)), File(actual.encode(encoding)), VIEW)

    assert answer.summary == DiffSummary(added_lines=301, removed_lines=500, changed_hunks=1)


def test_a_file_that_became_shorter_is_refused_and_the_next_pair_compared(pool: DiffPool) -> None:
    with pytest.raises(Unavailable):
        pool.compare(File(b"abc"), File(b"defg", missing_at_end=2), VIEW)

    assert pool.compare(File(b"abc"), File(b"defg"), VIEW).precision is Precision.EXACT


def test_the_same_question_is_answered_from_memory(pool: DiffPool) -> None:
    first = pool.compare(File(b"a"), File(b"b"), VIEW)
    again = File(b"a"), File(b"b")

    answer = pool.compare(*again, VIEW)

    assert answer == first
    assert again[0].reads == again[1].reads == []


def test_another_view_of_the_same_files_is_another_question(pool: DiffPool) -> None:
    pair = File(b"a\nb\nc\n"), File(b"a\nx\nc\n")

    shown = [pool.compare(*pair, view).shown for view in (VIEW, UNIFIED, View(0, False, "output.srt"))]

    assert len(set(shown)) == 3


def test_a_coarse_answer_is_not_remembered(make_pool: MakePool) -> None:
    pool = make_pool(program=DIES)
    pool.compare(File(b"a"), File(b"b"), VIEW)
    again = File(b"a")

    pool.compare(again, File(b"b"), VIEW)

    assert again.reads
