from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import orjson
import pytest

from api.diffs.channel import DiffAnswer, View
from api.diffs.pool import SIZE_LIMIT, WAITING_FOR_EACH, DiffPool, fallback_difference
from api.domain.errors import Unavailable
from api.domain.text.decoding import Encoding
from api.domain.text.diff import DiffSummary, Precision
from tests.diffs.diff_files import File, shuffled, unique
from tests.domain.text.diffs import compared, hunks

VIEW = View(context_lines=3, unified=False, name="output.srt")
UNIFIED = View(context_lines=3, unified=True, name="output.srt")
HANGS = (sys.executable, "-S", "-c", "import time; time.sleep(3600)")
DIES = (sys.executable, "-S", "-c", "")
# A process that answers, but not as it should.
BABBLES = (sys.executable, "-S", "-c", "import os, time; os.write(0, b'no such answer' * 9); time.sleep(3600)")

MakePool = Callable[..., DiffPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[DiffPool] = []

    def make(**options: Any) -> DiffPool:
        pools.append(DiffPool(**({"processes": 1, "seconds": 60} | options)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def pool(make_pool: MakePool) -> DiffPool:
    return make_pool()


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition: Callable[[], object]) -> None:
    while not condition():
        sleep(0.01)


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


def test_a_process_is_started_when_it_is_needed_and_used_again(pool: DiffPool) -> None:
    before = pool.pids
    pool.compare(File(b"1"), File(b"2"), VIEW)
    first = pool.pids
    pool.compare(File(b"3"), File(b"4"), VIEW)

    assert before == frozenset()
    assert pool.pids == first
    assert len(first) == 1


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
    wait_for(lambda: len(children_of(pid)) == 1 and at_work not in children_of(pid))


def test_files_that_have_nothing_in_common_are_no_trouble(pool: DiffPool) -> None:
    answer = pool.compare(unique(10 << 20, 1), unique(10 << 20, 2), VIEW)

    assert answer.precision is Precision.EXACT
    assert answer.truncated
    assert len(orjson.loads(answer.shown)) == 500


def test_while_one_pair_takes_its_time_another_is_compared(make_pool: MakePool) -> None:
    pool = make_pool(processes=2, seconds=6)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.compare, shuffled(10 << 20, 1), shuffled(10 << 20, 2), VIEW)
        wait_for(lambda: pool.pids)

        quick = [pool.compare(File(b"%d" % number), File(b"x"), VIEW) for number in range(20)]
        overtook = not slow.done()
        slow.result()

    assert overtook
    assert all(answer.precision is Precision.EXACT for answer in quick)


def test_a_process_that_hangs_is_killed_and_all_lines_count_as_replaced(make_pool: MakePool) -> None:
    pool = make_pool(program=HANGS, seconds=0.2)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.compare, File(b"a\nb\nc"), File(b"d\n"), VIEW)
        wait_for(lambda: pool.pids)
        [pid] = pool.pids

        answer = asked.result()

    assert answer == DiffAnswer(Precision.COARSE, True, DiffSummary(1, 3, 1), b"[]", None)
    assert not is_alive(pid)
    assert pid not in pool.pids


@pytest.mark.parametrize("program", [DIES, BABBLES])
def test_a_process_that_breaks_does_not_break_the_server(make_pool: MakePool, program: tuple[str, ...]) -> None:
    pool = make_pool(program=program)

    answer = pool.compare(File(b"a\n"), File(b"b\n"), UNIFIED)

    assert answer == DiffAnswer(Precision.COARSE, True, DiffSummary(1, 1, 1), b'""', None)


def test_an_idle_process_that_was_killed_is_replaced_unnoticed(pool: DiffPool) -> None:
    pool.compare(File(b"1"), File(b"2"), VIEW)
    [killed] = pool.pids
    os.kill(killed, signal.SIGKILL)

    answer = pool.compare(File(b"3"), File(b"4"), VIEW)

    assert answer.precision is Precision.EXACT
    assert killed not in pool.pids


def test_a_process_that_is_killed_at_work_is_replaced_and_the_work_done_again(make_pool: MakePool) -> None:
    reading, killed = Event(), Event()

    def pause() -> None:
        reading.set()
        killed.wait()

    pool = make_pool()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.compare, File(b"1"), File(b"2", before_read=pause), VIEW)
        reading.wait()
        [pid] = pool.pids
        os.kill(pid, signal.SIGKILL)
        killed.set()

        answer = asked.result()

    assert answer.precision is Precision.EXACT
    assert pid not in pool.pids


def test_a_library_that_crashes_is_told_by_a_coarser_answer(make_pool: MakePool, tmp_path: Path) -> None:
    program = (
        "import os\nfrom api.diffs import child, program\n"
        "child.exact_changes = lambda *sides: os.abort()\nprogram.main()\n")
    pool = make_pool(program=(sys.executable, "-S", "-c", program))

    answers = [pool.compare(File(b"a\nb\nc\n"), File(b"a\nx\nc%d\n" % number), VIEW) for number in range(2)]

    assert [answer.precision for answer in answers] == [Precision.COARSE] * 2
    assert [answer.summary.removed_lines for answer in answers] == [2, 2]
    assert len(pool.pids) == 1


def test_a_library_that_finds_nothing_is_not_believed(make_pool: MakePool) -> None:
    program = (
        "from api.diffs import child, program\n"
        "child.exact_changes = lambda *sides: []\nprogram.main()\n")
    pool = make_pool(program=(sys.executable, "-S", "-c", program))

    answer = pool.compare(File(b"a\n"), File(b"b\n"), VIEW)

    assert (answer.precision, answer.is_identical) == (Precision.COARSE, False)


def test_files_that_take_more_memory_than_a_process_may_use_are_counted(make_pool: MakePool) -> None:
    pool = make_pool(seconds=30)

    answer = pool.compare(File(b"\n" * (32 << 20)), File(b"a\n" * (16 << 20)), VIEW)

    assert answer.precision is Precision.COARSE
    assert answer.summary == DiffSummary(added_lines=16 << 20, removed_lines=32 << 20, changed_hunks=1)


def test_files_beyond_the_size_limit_are_counted(pool: DiffPool) -> None:
    answer = pool.compare(File(b"\n" * (SIZE_LIMIT + 1)), File(b"a\nb"), VIEW)

    assert answer == DiffAnswer(Precision.COARSE, True, DiffSummary(2, SIZE_LIMIT + 1, 1), b"[]", None)
    assert pool.pids == frozenset()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_where_nothing_is_shown_the_lines_of_utf_16_are_counted_by_its_newlines(encoding: str) -> None:
    # These characters have a newline's byte in them.
    expected, actual = "\u0a0d上 line\n" * 500, "\u0a0d上 line\n" * 300 + "unended"

    answer = fallback_difference(File(expected.encode(encoding)), File(actual.encode(encoding)), VIEW)

    assert answer.summary == DiffSummary(added_lines=301, removed_lines=500, changed_hunks=1)


def test_more_than_can_wait_for_their_turn_are_refused(pool: DiffPool) -> None:
    refused = Event()

    def ask(number: int) -> bool:
        try:
            pool.compare(File(b"%d" % number), File(b"x", before_read=refused.wait), VIEW)
        except Unavailable:
            refused.set()
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        answered = list(threads.map(ask, range(20)))

    assert answered.count(True) >= 1 + WAITING_FOR_EACH
    assert answered.count(False) >= 1


def test_nobody_waits_for_a_turn_longer_than_a_comparison_may_take(make_pool: MakePool) -> None:
    pool, release, reading = make_pool(seconds=0.3), Event(), Event()

    def pause() -> None:
        reading.set()
        release.wait()

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(pool.compare, File(b"1"), File(b"2", before_read=pause), VIEW)
        reading.wait()

        with pytest.raises(Unavailable) as refusal:
            pool.compare(File(b"3"), File(b"4"), VIEW)
        release.set()
        holding.result()

    assert refusal.value.retry_after == 1


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


def test_nothing_of_the_environment_reaches_a_process(pool: DiffPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_DATABASE_URL", "mysql+pymysql://user:secret@host/name")
    pool.compare(File(b"a"), File(b"b"), VIEW)
    [pid] = pool.pids

    environment = Path(f"/proc/{pid}/environ").read_bytes()

    assert [entry.split(b"=")[0] for entry in environment.split(b"\0") if entry] == [b"PYTHONPATH"]


def test_a_process_ends_when_its_server_is_gone(pool: DiffPool) -> None:
    pool.compare(File(b"a"), File(b"b"), VIEW)
    [process] = pool._idle

    process._channel.close()
    code = process._process.wait()

    assert code == 0


def test_a_closed_pool_has_no_processes_and_refuses(pool: DiffPool) -> None:
    pool.compare(File(b"a"), File(b"b"), VIEW)
    [pid] = pool.pids

    pool.close()

    assert not is_alive(pid)
    with pytest.raises(Unavailable):
        pool.compare(File(b"c"), File(b"d"), VIEW)


def test_closing_ends_a_comparison_that_is_being_made(make_pool: MakePool) -> None:
    pool = make_pool(program=HANGS, seconds=3600)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.compare, File(b"a"), File(b"b"), VIEW)
        wait_for(lambda: pool.pids)

        pool.close()

        with pytest.raises(Unavailable):
            asked.result()
    assert pool.pids == frozenset()
