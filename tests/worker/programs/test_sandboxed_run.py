"""Regression tests' programs in a sandbox: the same streams, limits and ends as on the bare host, and nothing else of the host."""
from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.worker_suite import SuiteFile
from api.sandbox.limits import Limits as SandboxLimits
from api.sandbox.sandbox import Sandbox
from api.worker.programs.command import Invocation, SandboxPaths, invocation
from api.worker.programs.execution import Execution, Limits
from api.worker.programs.full_disk import DiskFull
from api.worker.programs.sandboxed_run import SandboxedRun
from api.worker.run_error import RunError
from tests.jobs.attempts import PYTHON, USER, await_true, processes_of
from tests.jobs.small_disk import SmallDisk, small_disk
from tests.sandbox.attempts import BUBBLEWRAP_EACH_DAY
from tests.worker.inputs import a_test

__all__ = ["small_disk"]
pytestmark = BUBBLEWRAP_EACH_DAY

ITS_USER = USER + 60
LIMITS = Limits(seconds=60)
SANDBOX_LIMITS = SandboxLimits(memory_bytes=256 << 20, processes=64, workspace_bytes=64 << 20)
NUMBERS = count()


class Desk:
    """Runs small Python programs as regression tests are run."""

    def __init__(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self.folder = tmp_path / "work"
        self.log = tmp_path / "log"
        self._program = tmp_path / "program"
        self.folder.mkdir(mode=0o700)
        self._run = SandboxedRun(sandbox, SANDBOX_LIMITS, ITS_USER, lambda: f"test-{os.getpid()}-{next(NUMBERS)}")

    def call(self, body: str, **streams: Path) -> Invocation:
        """The call of a program."""
        self._program.write_text(f"#!{PYTHON} -IS\nimport os, signal, sys, time\n{body}\n")
        self._program.chmod(0o755)
        reads = (self._program, *(streams[name] for name in streams if name == "stdin"))
        return Invocation((str(self._program), "a b", "--flag"), self.folder, self.log, reads=reads, **streams)

    def run(
        self, call: Invocation | str, limits: Limits = LIMITS, *, stop: Callable[[], bool] = lambda: False, **streams: Path,
    ) -> Execution:
        """Run a program to its end."""
        return self._run(self.call(call, **streams) if isinstance(call, str) else call, limits, stop=stop)

    @property
    def said(self) -> str:
        """What it put into the log."""
        return self.log.read_text(errors="replace")


@pytest.fixture
def desk(sandbox: Sandbox, tmp_path: Path) -> Iterator[Desk]:
    yield Desk(sandbox, tmp_path)
    await_true(lambda: processes_of(ITS_USER) == [])


def test_arguments_reach_the_program_and_its_exit_code_is_reported(desk: Desk) -> None:
    execution = desk.run("print(sys.argv[1:]); print(os.getcwd(), os.environ['HOME']); sys.exit(3)")

    assert execution.exit_code == 3
    assert desk.said == f"['a b', '--flag']\n{desk.folder} {desk.folder}\n"


def test_what_it_writes_into_its_folder_is_there_afterwards(desk: Desk) -> None:
    desk.run("open('out.srt', 'w').write('captions')")

    assert (desk.folder / "out.srt").read_text() == "captions"


def test_standard_output_can_be_the_result_and_the_log_then_has_the_errors(desk: Desk, tmp_path: Path) -> None:
    result = desk.folder / "out.srt"

    desk.run("sys.stdout.buffer.write(bytes(range(256)) * 4096); print('err', file=sys.stderr)", stdout=result)

    assert result.read_bytes() == bytes(range(256)) * 4096
    assert desk.said == "err\n"


def test_standard_input_is_piped_whole(desk: Desk, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(os.urandom(2 << 20))

    execution = desk.run(
        "import stat\nassert stat.S_ISFIFO(os.fstat(0).st_mode)\nopen('copy', 'wb').write(sys.stdin.buffer.read())", stdin=sample)

    assert execution.exit_code == 0, desk.said
    assert (desk.folder / "copy").read_bytes() == sample.read_bytes()


def test_a_file_that_the_sandboxs_user_may_not_read_is_an_error_of_the_store_and_no_failure(desk: Desk, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.touch(0o600)
    call = desk.call("open(sys.argv[0])")

    with pytest.raises(RunError, match="may not read sample") as refused:
        desk.run(replace(call, reads=(*call.reads, sample)))

    assert refused.value.code is InfrastructureCode.FILE_UNREADABLE


def test_what_a_program_makes_has_the_usual_modes_whatever_the_services_umask_is(desk: Desk) -> None:
    before = os.umask(0o077)
    try:
        desk.run("open('out', 'w'); os.mkdir('folder')")
    finally:
        os.umask(before)

    assert [stat.S_IMODE((desk.folder / name).stat().st_mode) for name in ("out", "folder")] == [0o644, 0o755]


def test_a_program_need_not_read_its_input(desk: Desk, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(bytes(4 << 20))

    execution = desk.run("sys.exit(5)", stdin=sample)

    assert execution.exit_code == 5


def test_an_input_by_udp_is_sent_inside_the_sandbox(desk: Desk) -> None:
    body = (
        "import socket\nreceiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nreceiver.bind(('127.0.0.1', 5004))\n"
        "print(receiver.recv(100))\nsys.exit(4)")
    send = "import socket, time\nwhile True:\n    socket.socket(2, 2).sendto(b'captions', ('127.0.0.1', 5004))\n    time.sleep(0.05)"

    execution = desk.run(replace(desk.call(body), sender=(PYTHON, "-IS", "-c", send)))

    assert (execution.exit_code, desk.said) == (4, "b'captions'\n")


def test_a_program_that_still_waits_after_all_was_sent_has_timed_out(desk: Desk) -> None:
    execution = desk.run(replace(desk.call("time.sleep(600)"), sender=("/bin/true",)))

    assert execution.timed_out
    assert execution.exit_code == 124


def test_a_crash_is_the_negative_number_of_its_signal(desk: Desk) -> None:
    assert desk.run("os.kill(os.getpid(), signal.SIGSEGV)").exit_code == -signal.SIGSEGV


def test_an_exit_code_of_its_own_stays_as_it_is(desk: Desk) -> None:
    assert desk.run("sys.exit(255)").exit_code == 255


def test_at_the_time_limit_the_code_tells_of_it_and_the_runtime_is_the_limit(desk: Desk) -> None:
    execution = desk.run("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('before', flush=True)\ntime.sleep(600)", Limits(seconds=4))

    assert execution == Execution(124, 4000, timed_out=True)
    assert desk.said == "before\n"


def test_a_stop_ends_the_program_at_once(desk: Desk) -> None:
    stopped = threading.Event()
    body = "open('up', 'w').close()\ntime.sleep(600)"

    execution = desk.run(body, stop=lambda: stopped.is_set() or (desk.folder / "up").exists())

    assert execution.stopped


def test_memory_is_limited(desk: Desk) -> None:
    assert desk.run("held = []\nwhile True:\n    held.append(bytearray(16 << 20))").exit_code == -signal.SIGKILL


def test_a_folder_that_grows_too_large_ends_the_program(desk: Desk) -> None:
    body = "n = 0\nwhile True:\n    open(f'f{n}', 'wb').write(bytes(4 << 20))\n    n += 1\n    time.sleep(0.05)"

    assert desk.run(body).exit_code == -signal.SIGKILL


def test_a_file_beyond_the_size_limit_ends_the_program(desk: Desk) -> None:
    body = "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('big', 'wb').write(bytes(2 << 20))"

    assert desk.run(body, Limits(seconds=60, file_bytes=1 << 20)).exit_code == -signal.SIGXFSZ


def test_a_result_on_standard_output_is_held_to_the_size_limit_too(desk: Desk) -> None:
    result = desk.folder / "out.srt"

    desk.run("sys.stdout.buffer.write(bytes(3 << 20))", Limits(seconds=60, file_bytes=1 << 20), stdout=result)

    assert result.stat().st_size == 1 << 20


def test_a_link_in_place_of_the_result_is_not_written_through(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("before")
    (desk.folder / "out.srt").symlink_to(target)

    with pytest.raises(OSError, match="exists"):
        desk.run("print('after')", stdout=desk.folder / "out.srt")

    assert target.read_text() == "before"


def test_a_small_sample_always_reaches_the_program(desk: Desk, tmp_path: Path) -> None:
    sample, result = tmp_path / "sample", tmp_path / "result"
    sample.write_bytes(b"small")

    for _ in range(8):
        execution = desk.run("sys.stdout.write(sys.stdin.read())", Limits(seconds=30), stdin=sample, stdout=result)

        assert (execution.exit_code, result.read_bytes()) == (0, b"small")
        result.unlink()


def test_neither_the_sample_nor_the_program_can_be_changed(desk: Desk, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(b"before")
    sample.chmod(0o666)

    execution = desk.run(f"open({str(sample)!r}, 'wb').write(b'after')", stdin=sample)

    assert execution.exit_code == 1
    assert sample.read_bytes() == b"before"


@pytest.mark.parametrize("content", [b"no program", b""])
def test_a_file_that_is_no_program_is_an_error_of_the_build(desk: Desk, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    broken.chmod(0o755)

    with pytest.raises(RunError, match=r"^\[build\] The executable cannot be started"):
        desk.run(Invocation((str(broken),), desk.folder, desk.log, reads=(broken,)))


def test_a_result_that_finds_no_room_on_the_disk_is_told_as_that(desk: Desk, small_disk: SmallDisk) -> None:
    folder = small_disk.folder / "work"
    folder.mkdir(mode=0o700)
    call = desk.call("for _ in range(1024): sys.stdout.write('x' * 4096)")

    with pytest.raises(DiskFull):
        desk.run(replace(call, folder=folder, log=small_disk.folder / "log", stdout=folder / "out.txt"))


def test_a_program_finds_its_sample_and_leaves_its_outputs_where_baselines_were_made(desk: Desk, tmp_path: Path) -> None:
    sample, program = tmp_path / "aa.ts", Path(desk.call("print(sys.argv[-1])\nopen(sys.argv[-2], 'w').write(os.getcwd())").arguments[0])
    sample.write_bytes(b"captions")
    places = SandboxPaths("/repository/TestFiles", "/repository/TempFiles")
    report = a_test(command="", output_type="report", files=(SuiteFile(1, "b" * 64, "aa.txt"),))
    named = a_test(command="", output_type="file", files=(SuiteFile(1, "b" * 64, "out.txt"),))

    codes = [
        desk.run(invocation(test, program, sample, desk.folder, desk.log, places=places)).exit_code for test in (named, report)]

    assert codes == [0, 0]
    assert desk.folder.joinpath("out.txt").read_text() == "/repository/TempFiles"
    assert desk.folder.joinpath("aa.txt").read_text() == "/repository/TestFiles/aa.ts\n"
