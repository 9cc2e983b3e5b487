"""How a job in a sandbox ends, by whatever ends it, and that nothing of it is left."""
from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.domain.jobs.job import JobReason
from api.jobs.supervisor.start import SupervisorNotStarted, start_supervisor
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, Bench, await_true, processes_of, python, shell
from tests.sandbox.attempts import EVERYWHERE, is_unharmed


@EVERYWHERE
def test_at_the_time_limit_a_command_may_say_goodbye(bench: Bench) -> None:
    body = (
        "def bye(*_):\n    print('bye', flush=True)\n    sys.exit(5)\nsignal.signal(signal.SIGTERM, bye)\n"
        "print('up', flush=True)\ntime.sleep(600)")
    running = bench.start(python(body), limits=replace(LIMITS, seconds=2), grace=60)

    record = running.ended()

    assert (record.reason, record.exit_code, running.log) == (JobReason.TIMEOUT, 5, "up\nbye\n")


@EVERYWHERE
def test_a_command_that_does_not_want_to_end_is_killed(bench: Bench) -> None:
    running = bench.start(
        python("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    pass"), limits=replace(LIMITS, seconds=1))

    record = running.ended()

    assert record.reason is JobReason.TIMEOUT
    assert processes_of(running.user_id) == []


@EVERYWHERE
def test_a_cancel_ends_the_job(bench: Bench) -> None:
    running = bench.start(shell("echo up; sleep 600; echo never"), shell("echo never"))
    running.await_log("up")

    running.files.ask_cancel()
    record = running.ended()

    assert (record.reason, running.log) == (JobReason.CANCELLED, "up\n")
    assert processes_of(running.user_id) == []


@EVERYWHERE
def test_the_end_of_the_lease_is_the_end_of_the_job(bench: Bench) -> None:
    running = bench.start(shell("echo up; sleep 600"))
    running.await_log("up")

    running.files.renew(datetime.now(UTC) - timedelta(seconds=1))
    still_there = running.files.is_supervised()
    os.kill(running.supervisor, 0)
    # The deadline that the supervisor knows is an hour away: it is told of an earlier one by nothing, so a new job shows it.
    late = bench.start(shell("sleep 600"), lease=1)
    record = late.ended()

    assert still_there
    assert record.reason is JobReason.LOST
    assert processes_of(late.user_id) == []


@EVERYWHERE
def test_a_daemon_does_not_survive(bench: Bench) -> None:
    body = (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        os.closerange(0, 3)\n        time.sleep(600)\n    os._exit(0)\nos.wait()\nprint('left', flush=True)")
    running = bench.start(python(body))

    record = running.ended()

    assert (record.reason, record.exit_code, running.log) == (JobReason.EXIT_CODE, 0, "left\n")
    assert processes_of(running.user_id) == []


@EVERYWHERE
def test_when_the_supervisor_is_killed_so_is_the_job(bench: Bench) -> None:
    running = bench.start(python("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"))
    running.await_log("up")

    os.kill(running.supervisor, signal.SIGKILL)
    await_true(lambda: processes_of(running.user_id) == [])

    assert not running.files.is_supervised()
    assert running.files.read_exit() is None
    assert is_unharmed(bench)


def test_a_stop_of_the_service_leaves_the_supervisor_and_its_job(bench: Bench) -> None:
    running = bench.start(shell("echo up; sleep 2; echo done"))
    running.await_log("up")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(running.supervisor, number)
    record = running.ended()

    assert (record.reason, running.log) == (JobReason.EXIT_CODE, "up\ndone\n")


def test_an_attempt_has_one_supervisor_and_is_run_once(bench: Bench) -> None:
    running = bench.start(shell("echo once; sleep 2"))

    with pytest.raises(SupervisorNotStarted):
        start_supervisor(running.files)
    running.ended()
    with pytest.raises(SupervisorNotStarted):
        start_supervisor(running.files)

    assert running.log == "once\n"


@EVERYWHERE
def test_nothing_is_left_of_a_sandbox(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.sweep(time.time() + 60)

    bench.run(shell("echo x"))

    assert sandbox.sweep(time.time() + 60) == 0


@EVERYWHERE
def test_what_a_killed_supervisor_leaves_is_swept_up(bench: Bench, sandbox: Sandbox) -> None:
    sandbox.sweep(time.time() + 60)
    running = bench.start(shell("echo up; sleep 600"))
    running.await_log("up")
    in_use = sandbox.sweep(time.time() + 60)

    os.kill(running.supervisor, signal.SIGKILL)
    await_true(lambda: processes_of(running.user_id) == [])
    young = sandbox.sweep(time.time() - 3600)
    sandbox.sweep(time.time() + 60)

    assert (in_use, young, sandbox.sweep(time.time() + 60)) == (0, 0, 0)
