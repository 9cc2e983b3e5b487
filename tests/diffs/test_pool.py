"""None"""
from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from api.diffs.channel import DiffAnswer
from api.diffs.pool import WAITING_FOR_EACH, DiffPool
from api.domain.errors import Unavailable
from api.domain.text.diff import DiffSummary, Precision
from tests.diffs.diff_files import File, shuffled
from tests.diffs.pools import BABBLES, DIES, HANGS, UNIFIED, VIEW, MakePool, is_alive
from tests.e2e.processes import eventually


def test_a_process_is_started_when_it_is_needed_and_used_again(pool: DiffPool) -> None:
    before = pool.pids
    pool.compare(File(b"1"), File(b"2"), VIEW)
    first = pool.pids
    pool.compare(File(b"3"), File(b"4"), VIEW)

    assert before == frozenset()
    assert pool.pids == first
    assert len(first) == 1


def test_while_one_pair_takes_its_time_another_is_compared(make_pool: MakePool) -> None:
    pool = make_pool(processes=2, seconds=6)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.compare, shuffled(10 << 20, 1), shuffled(10 << 20, 2), VIEW)
        eventually(lambda: pool.pids, "a process")

        quick = [pool.compare(File(b"%d" % number), File(b"x"), VIEW) for number in range(20)]
        overtook = not slow.done()
        slow.result()

    assert overtook
    assert all(answer.precision is Precision.EXACT for answer in quick)


def test_a_process_that_hangs_is_killed_and_all_lines_count_as_replaced(make_pool: MakePool) -> None:
    pool = make_pool(program=HANGS, seconds=0.2)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pool.compare, File(b"a\nb\nc"), File(b"d\n"), VIEW)
        eventually(lambda: pool.pids, "a process")
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
        eventually(lambda: pool.pids, "a process")

        pool.close()

        with pytest.raises(Unavailable):
            asked.result()
    assert pool.pids == frozenset()
