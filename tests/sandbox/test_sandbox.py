"""What every sandbox must do for a job, and what it must hold back; each test is run in each of them, under a real supervisor."""
from __future__ import annotations

import hashlib
import signal
from dataclasses import replace

import pytest

from api.domain.jobs.job import JobReason
from api.sandbox.sandbox import Sandbox
from tests.jobs.attempts import LIMITS, Bench, python, shell
from tests.sandbox.attempts import EVERYWHERE


def test_it_can_be_used_here(sandbox: Sandbox) -> None:
    capabilities = sandbox.probe()

    assert capabilities.trouble is None
    assert {"memory", "processes", "cpus", "own_user", "system_calls"} <= {guard.name for guard in capabilities.guards if guard.enforced}


@EVERYWHERE
def test_a_command_runs_to_its_end(bench: Bench) -> None:
    record, log = bench.run(shell("echo out; echo err >&2; exit 3"))

    assert (record.fence, record.reason, record.exit_code, record.signal, record.step) == (3, JobReason.EXIT_CODE, 3, None, "step0")
    assert log == "out\nerr\n"
    assert record.log_bytes == len(log)


@EVERYWHERE
def test_a_commands_words_reach_it_as_they_are(bench: Bench) -> None:
    _, log = bench.run((*python("print(sys.argv[1:])"), "a b", "$HOME", "", "--", "'ö'"))

    assert log == "['a b', '$HOME', '', '--', \"'ö'\"]\n"


@EVERYWHERE
def test_a_command_that_is_not_there_ends_as_in_a_shell(bench: Bench) -> None:
    record, log = bench.run(("no-such-program",))

    assert (record.reason, record.exit_code) == (JobReason.EXIT_CODE, 127)
    assert "no-such-program" in log


@EVERYWHERE
def test_a_command_that_crashes_is_told_by_its_signal(bench: Bench) -> None:
    record, _ = bench.run(python("os.abort()"))

    assert (record.exit_code, record.signal) == (128 + signal.SIGABRT, signal.SIGABRT)


@EVERYWHERE
def test_a_later_step_finds_what_an_earlier_one_left(bench: Bench) -> None:
    record, log = bench.run(shell("echo kept > left"), shell("cat left; exit 4"))

    assert (record.step, record.exit_code, log) == ("step1", 4, "kept\n")


def test_a_step_that_fails_is_the_last_one(bench: Bench) -> None:
    record, log = bench.run(shell("exit 2"), shell("echo never"))

    assert (record.step, record.exit_code, log) == ("step0", 2, "")


@EVERYWHERE
def test_the_environment_is_a_clean_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_DATABASE_URL", "mysql+pymysql://user:secret@host/name")

    _, log = bench.run(("env",), shell("tr '\\0' '\\n' < /proc/1/environ; cat /proc/*/environ"))

    names = {line.split("=")[0] for line in log.splitlines() if "=" in line}
    assert {"HOME", "LANG", "PATH", "TZ"} <= names
    assert "secret" not in log


@EVERYWHERE
def test_output_is_in_the_log_while_the_command_still_runs(bench: Bench) -> None:
    running = bench.start(python("print('half a line', end='', flush=True); time.sleep(600)"))

    running.await_log("half a line")

    assert running.files.is_supervised()
    assert not running.files.exit.exists()


@EVERYWHERE
def test_a_long_log_arrives_whole(bench: Bench) -> None:
    body = "block = bytes(range(256)) * 256\nfor _ in range(800):\n    sys.stdout.buffer.write(block)"
    running = bench.start(python(body), limits=replace(LIMITS, log_bytes=64 << 20))

    record = running.ended()

    expected = hashlib.sha256(bytes(range(256)) * 256 * 800).hexdigest()
    assert record.log_bytes == 800 << 16
    assert hashlib.sha256(running.files.log.read_bytes()).hexdigest() == expected
    assert not record.log_truncated
