"""How one program is run on the bare host, under the launcher and without it: its limits, its streams, its end."""
from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from api.domain.results.failure import crash_code
from api.domain.results.failure_code import FailureCode
from api.domain.results.result import Report
from api.worker.programs.command import Invocation
from api.worker.programs.execution import Execution, Limits, RunProcess, environment
from api.worker.programs.process import run_process
from api.worker.programs.process_tree import run_process_tree
from api.worker.run_error import RunError
from tests.worker.inputs import MakeProgram

LIMITS = Limits(seconds=60)


def never() -> bool:
    return False


@pytest.fixture(params=[run_process, run_process_tree], ids=["launcher", "tree"])
def runner(request: pytest.FixtureRequest) -> RunProcess:
    """Both ways of running a program."""
    found: RunProcess = request.param
    return found


def run(
    program: Path, tmp_path: Path, limits: Limits = LIMITS, *, stdin: Path | None = None, stdout: Path | None = None,
    runner: RunProcess = run_process,
) -> Execution:
    folder = tmp_path / "work"
    folder.mkdir()
    call = Invocation((str(program), "a b", "--flag"), folder, tmp_path / "log", stdin=stdin, stdout=stdout)
    return runner(call, limits, stop=never)


def is_gone(pid: int) -> bool:
    """Wait for a process that was killed to be gone: the kernel takes a moment to take it down."""
    for _ in range(3000):
        try:
            os.kill(pid, 0)
            if (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def await_file(path: Path) -> str:
    for _ in range(3000):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{path.name} never came")


def test_arguments_reach_the_program_as_they_are_and_its_exit_code_is_reported(
    make_program: MakeProgram, tmp_path: Path, runner: RunProcess,
) -> None:
    program = make_program("print(sys.argv[1:]); sys.exit(3)")

    execution = run(program, tmp_path, runner=runner)

    assert execution.exit_code == 3
    assert (tmp_path / "log").read_text() == "['a b', '--flag']\n"


def test_both_streams_go_to_the_log(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    program = make_program("print('out', flush=True); print('err', file=sys.stderr)")

    run(program, tmp_path, runner=runner)

    assert (tmp_path / "log").read_text() == "out\nerr\n"


def test_standard_output_can_be_the_result_and_the_log_then_has_the_errors(
    make_program: MakeProgram, tmp_path: Path, runner: RunProcess,
) -> None:
    program = make_program("sys.stdout.buffer.write(bytes(range(256))); print('err', file=sys.stderr)")

    run(program, tmp_path, stdout=tmp_path / "result", runner=runner)

    assert (tmp_path / "result").read_bytes() == bytes(range(256))
    assert (tmp_path / "log").read_text() == "err\n"


def test_standard_input_is_piped(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(os.urandom(1 << 20))
    program = make_program(
        "import stat\nassert stat.S_ISFIFO(os.fstat(0).st_mode)\nopen('copy', 'wb').write(sys.stdin.buffer.read())")

    execution = run(program, tmp_path, stdin=sample, runner=runner)

    assert execution.exit_code == 0
    assert (tmp_path / "work" / "copy").read_bytes() == sample.read_bytes()


def test_a_program_that_does_not_read_its_input_ends_as_it_likes(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(bytes(4 << 20))
    program = make_program("sys.exit(5)")

    execution = run(program, tmp_path, stdin=sample, runner=runner)

    assert execution.exit_code == 5


def test_without_input_the_program_reads_an_end_of_file(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    program = make_program("sys.exit(len(sys.stdin.read()))")

    execution = run(program, tmp_path, runner=runner)

    assert execution.exit_code == 0


def test_the_program_starts_in_the_groups_it_was_given_and_within_its_memory(make_program: MakeProgram, tmp_path: Path) -> None:
    groups = [tmp_path / "memory.procs", tmp_path / "pids.procs"]
    for each in groups:
        each.touch()
    program = make_program("import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0]); bytearray(200 << 20)")
    limits = replace(LIMITS, memory_bytes=100 << 20, groups=[str(each) for each in groups])

    execution = run(program, tmp_path, limits=limits)

    assert [each.read_text() for each in groups] == ["0", "0"]
    assert (tmp_path / "log").read_text().splitlines()[0] == str(100 << 20)
    assert (execution.exit_code, "MemoryError" in (tmp_path / "log").read_text()) == (1, True)


def test_a_group_that_cannot_be_entered_keeps_the_program_from_starting(make_program: MakeProgram, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be started"):
        run(make_program("print('ran')"), tmp_path, limits=replace(LIMITS, groups=[str(tmp_path / "no" / "group")]))


def test_a_crash_is_the_negative_number_of_its_signal(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program("os.kill(os.getpid(), signal.SIGSEGV)")

    execution = run(program, tmp_path)

    assert execution.exit_code == -11
    assert not list((tmp_path / "work").iterdir())


def test_a_program_that_a_hangup_ended_has_a_shells_code_for_it(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    execution = run(make_program("os.kill(os.getpid(), signal.SIGHUP)"), tmp_path, runner=runner)

    assert execution.exit_code == 129


def test_at_the_time_limit_the_code_tells_of_it_and_the_runtime_is_the_limit(
    make_program: MakeProgram, tmp_path: Path, runner: RunProcess,
) -> None:
    program = make_program("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('before', flush=True)\ntime.sleep(600)")

    # Long enough for the program to begin on a busy machine.
    execution = run(program, tmp_path, Limits(seconds=5), runner=runner)

    assert execution == Execution(124, 5000, timed_out=True)
    assert crash_code(Report(1, execution.exit_code, execution.runtime_ms)) is FailureCode.TIMEOUT
    assert (tmp_path / "log").read_text() == "before\n"


def test_grandchildren_do_not_survive_the_time_limit(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    program = make_program(
        "for _ in range(3):\n    if os.fork() == 0:\n        open(f'child-{os.getpid()}', 'w')\n        time.sleep(600)\n"
        "time.sleep(600)")

    run(program, tmp_path, Limits(seconds=5), runner=runner)

    children = [int(path.name.removeprefix("child-")) for path in (tmp_path / "work").glob("child-*")]
    assert len(children) == 3
    assert all(is_gone(pid) for pid in children)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes that left their group are found through /proc")
def test_a_grandchild_in_a_session_of_its_own_does_not_survive_a_good_end(
    make_program: MakeProgram, tmp_path: Path, runner: RunProcess,
) -> None:
    program = make_program(
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        open('ready', 'w').write(f'{os.getpid()}\\n')\n"
        "        time.sleep(600)\n    os._exit(0)\nwhile not os.path.exists('ready'):\n    time.sleep(0.01)")

    execution = run(program, tmp_path, runner=runner)

    assert execution.exit_code == 0
    assert is_gone(int(await_file(tmp_path / "work" / "ready")))


def test_a_stop_ends_the_program_at_once(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    program = make_program("open('ready', 'w').write(f'{os.getpid()}\\n'); time.sleep(600)")
    folder, stopped = tmp_path / "work", threading.Event()
    folder.mkdir()
    ends: list[Execution] = []
    call = Invocation((str(program),), folder, tmp_path / "log")
    thread = threading.Thread(target=lambda: ends.append(runner(call, LIMITS, stop=stopped.is_set)))

    thread.start()
    pid = int(await_file(folder / "ready"))
    stopped.set()
    thread.join(30)

    assert ends[0].stopped
    assert is_gone(pid)


def test_a_huge_output_is_kept_to_its_beginning_and_its_end(make_program: MakeProgram, tmp_path: Path, runner: RunProcess) -> None:
    program = make_program("print('first')\nfor _ in range(300):\n    sys.stdout.write('x' * 65536)\nprint('last words')")

    run(program, tmp_path, Limits(seconds=60, log_bytes=1 << 20), runner=runner)

    content = (tmp_path / "log").read_bytes()
    assert len(content) < (1 << 20) + 100
    assert content.startswith(b"first\n")
    assert b"bytes left out" in content
    assert content.endswith(b"last words\n")


def test_a_file_beyond_the_size_limit_ends_the_program(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program(
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nbig = open('big', 'wb', buffering=0)\n"
        "big.write(bytes(1 << 21))\nbig.write(b'x')")

    execution = run(program, tmp_path, Limits(seconds=60, file_bytes=1 << 20))

    assert execution.exit_code == -signal.SIGXFSZ
    assert (tmp_path / "work" / "big").stat().st_size == 1 << 20


def test_without_the_launcher_a_folder_beyond_the_size_limit_ends_the_program(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program("big = open('big', 'wb', buffering=0)\nbig.write(bytes(2 << 20))\ntime.sleep(600)")

    execution = run(program, tmp_path, Limits(seconds=60, file_bytes=1 << 20), runner=run_process_tree)

    assert (execution.exit_code, execution.timed_out) == (-9, False)


def test_without_the_launcher_a_child_without_the_programs_environment_does_not_survive_the_time_limit(
    make_program: MakeProgram, tmp_path: Path,
) -> None:
    program = make_program(
        "import subprocess\nchild = subprocess.Popen(['/bin/sleep', '600'], env={}, start_new_session=True)\n"
        "open('child', 'w').write(f'{child.pid}\\n')\ntime.sleep(600)")

    run(program, tmp_path, Limits(seconds=1), runner=run_process_tree)

    assert is_gone(int(await_file(tmp_path / "work" / "child")))


def test_the_program_sees_nothing_of_the_workers_environment(
    make_program: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: RunProcess,
) -> None:
    monkeypatch.setenv("CI_DATABASE_URL", "mysql+pymysql://user:secret@host/name")
    program = make_program("print(sorted(os.environ), os.environ['HOME'])")

    run(program, tmp_path, runner=runner)

    names = (tmp_path / "log").read_text()
    assert "CI_DATABASE_URL" not in names
    assert names.endswith(f"{tmp_path / 'work'}\n")


def test_only_four_variables_are_passed_on() -> None:
    inherited = {"PATH": "/opt/bin", "LANG": "de_DE.UTF-8", "TZ": "Europe/Zurich", "HOME": "/root", "SECRET": "x"}

    passed = environment(Path("/work"), inherited)

    assert passed == {"PATH": "/opt/bin", "LANG": "de_DE.UTF-8", "TZ": "Europe/Zurich", "HOME": "/work"}


def test_core_files_are_off_unless_allowed(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")

    run(program, tmp_path)

    assert (tmp_path / "log").read_text() == "(0, 0)\n"


def test_a_file_that_is_no_program_is_an_error_of_the_build(tmp_path: Path, runner: RunProcess) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)

    with pytest.raises(RunError, match=r"^\[build\] The executable cannot be started: Exec format error"):
        run(broken, tmp_path, runner=runner)
