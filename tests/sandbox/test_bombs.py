"""Commands that take all they can get of processes, memory, disk or log are contained."""
from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from api.domain.jobs.job import JobReason
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, Bench, await_true, processes_of, python, shell
from tests.sandbox.attempts import BUBBLEWRAP_EACH_DAY, EVERYWHERE, is_unharmed


@BUBBLEWRAP_EACH_DAY
def test_a_fork_bomb_is_contained(bench: Bench) -> None:
    running = bench.start(python("while True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.1)"))

    await_true(lambda: len(processes_of(running.user_id)) >= LIMITS.processes - 4)
    most = len(processes_of(running.user_id))
    running.files.ask_cancel()
    record = running.ended()

    assert record.reason is JobReason.CANCELLED
    assert most <= LIMITS.processes + 4
    assert processes_of(running.user_id) == []
    assert is_unharmed(bench)


@BUBBLEWRAP_EACH_DAY
def test_a_job_that_fails_for_want_of_processes_says_so(bench: Bench) -> None:
    body = (
        "import threading\nthreads = [threading.Thread(target=time.sleep, args=(99,), daemon=True) for _ in range(99)]\n"
        "try:\n"
        "    [one.start() for one in threads]\nexcept RuntimeError:\n    print('refused', flush=True)\n    time.sleep(1)\n    os._exit(3)")

    record, log = bench.run(python(body))

    assert (record.reason, record.exit_code) == (JobReason.PROCESS_LIMIT, 3)
    assert log == f"refused\nA process or thread was refused: there may be {LIMITS.processes} at once.\n"


@BUBBLEWRAP_EACH_DAY
def test_a_job_that_gets_along_with_the_processes_that_it_may_have_is_a_success(bench: Bench) -> None:
    body = (
        "held = []\ntry:\n    for _ in range(200):\n        pid = os.fork()\n        if not pid:\n            time.sleep(600)\n"
        "        held.append(pid)\nexcept OSError:\n    time.sleep(1)\nfor pid in held:\n    os.kill(pid, signal.SIGKILL)\n    os.wait()")

    record, log = bench.run(python(body))

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 0)
    assert "was refused" in log


@BUBBLEWRAP_EACH_DAY
def test_a_memory_bomb_is_contained(bench: Bench) -> None:
    record, log = bench.run(python("held = []\nwhile True:\n    held.append(bytearray(16 << 20))"))

    assert record.reason is JobReason.OUT_OF_MEMORY
    assert "MemoryError" not in log
    assert is_unharmed(bench)


@BUBBLEWRAP_EACH_DAY
def test_a_memory_bomb_in_a_child_ends_the_whole_job(bench: Bench) -> None:
    body = "if os.fork() == 0:\n    held = []\n    while True:\n        held.append(bytearray(16 << 20))\nos.wait()\ntime.sleep(600)"

    record, _ = bench.run(python(body))

    assert record.reason is JobReason.OUT_OF_MEMORY


@BUBBLEWRAP_EACH_DAY
def test_many_processes_share_one_limit_of_memory(bench: Bench) -> None:
    body = "for _ in range(8):\n    if os.fork() == 0:\n        held = bytearray(64 << 20)\n        time.sleep(600)\ntime.sleep(600)"

    record, _ = bench.run(python(body))

    assert record.reason is JobReason.OUT_OF_MEMORY


@EVERYWHERE
def test_files_in_memory_count_as_memory(bench: Bench) -> None:
    record, _ = bench.run(shell("dd if=/dev/zero of=/tmp/big bs=1M count=2000 2>/dev/null; exit 9"))

    assert (record.reason, record.exit_code) in [(JobReason.EXIT_CODE, 9), (JobReason.OUT_OF_MEMORY, 137)]
    assert is_unharmed(bench)


@BUBBLEWRAP_EACH_DAY
def test_a_disk_bomb_is_contained(bench: Bench) -> None:
    limits = replace(LIMITS, file_bytes=1 << 40)
    fill = "dd if=/dev/zero of=big bs=1M 2>/dev/null || dd if=/dev/zero of=more bs=1M 2>/dev/null; exit 9"
    running = bench.start(shell(fill), limits=limits)

    record = running.ended()

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 9)
    assert (running.workspace / "big").stat().st_size <= LIMITS.workspace_bytes
    assert is_unharmed(bench)


@EVERYWHERE
def test_a_disk_bomb_is_ended_where_only_the_supervisor_watches(sandbox: Sandbox, tmp_path: Path) -> None:
    bench = Bench(sandbox, tmp_path, images=False)
    body = "while True:\n    open(str(time.time_ns()), 'wb').write(bytes(1 << 20))\n    time.sleep(0.02)"
    try:
        record, log = bench.run(python(body))
    finally:
        bench.clear()

    assert record.reason is JobReason.DISK_LIMIT
    assert "The workspace has more than" in log


@EVERYWHERE
def test_one_file_cannot_be_larger_than_allowed(bench: Bench) -> None:
    limits = replace(LIMITS, file_bytes=1 << 20)

    record, _ = bench.run(python("signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('big', 'wb').write(bytes(2 << 20))"), limits=limits)

    assert record.signal == signal.SIGXFSZ


@EVERYWHERE
def test_a_log_bomb_is_contained(bench: Bench) -> None:
    running = bench.start(shell("yes"), limits=replace(LIMITS, log_bytes=1 << 20))

    record = running.ended()

    assert (record.reason, record.log_truncated, record.log_bytes) == (JobReason.LOG_LIMIT, True, 1 << 20)
    assert is_unharmed(bench)


@BUBBLEWRAP_EACH_DAY
def test_a_log_of_just_the_limit_is_no_bomb(bench: Bench) -> None:
    record, _ = bench.run(shell("head -c 65536 /dev/zero"), limits=replace(LIMITS, log_bytes=65536))

    assert (record.reason, record.log_truncated) == (JobReason.EXIT_CODE, False)
