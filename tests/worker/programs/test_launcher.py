"""Programs on the bare host do not outlive the worker that executes them, however it ends."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.worker.inputs import MakeProgram
from tests.worker.programs.test_process import LIMITS, await_file, is_gone, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left of a killed worker is found through Linux's /proc")

# Executes a program from a thread that is not the first, as workers in tests and in other programs do.
WORKER = """
import sys, threading
from pathlib import Path
from api.worker.programs.command import Invocation
from api.worker.programs.execution import Limits
from api.worker.programs.process import run_process
program, folder = sys.argv[1], Path(sys.argv[2])
call = Invocation((program,), folder, folder.with_suffix(".log"))
thread = threading.Thread(target=run_process, args=(call, Limits(seconds=600)), kwargs={"stop": lambda: False})
thread.start()
thread.join()
"""
FAMILY = """
for name in ('child', 'runaway'):
    if os.fork() == 0:
        if name == 'runaway':
            os.setsid()
        open(name, 'w').write(f'{os.getpid()}\\n')
        time.sleep(600)
open('parent', 'w').write(f'{os.getpid()}\\n')
open('launcher', 'w').write(f'{os.getppid()}\\n')
time.sleep(600)
"""
NAMES = ("launcher", "parent", "child", "runaway")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "work"
    made.mkdir()
    yield made
    for name in NAMES:
        with suppress(OSError, ValueError):
            os.kill(int((made / name).read_text()), signal.SIGKILL)


def worker_of(program: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, str(program), str(folder)])


def test_the_program_and_all_that_it_started_die_with_a_killed_worker(make_program: MakeProgram, folder: Path) -> None:
    worker = worker_of(make_program(FAMILY), folder)
    family = [int(await_file(folder / name)) for name in NAMES]

    worker.kill()
    worker.wait()

    assert [name for name, pid in zip(NAMES, family, strict=True) if not is_gone(pid)] == []


def test_the_program_dies_with_its_launcher_and_the_worker_hears_of_it(make_program: MakeProgram, folder: Path) -> None:
    worker = worker_of(make_program(FAMILY), folder)
    family = [int(await_file(folder / name)) for name in NAMES]

    os.kill(family[0], signal.SIGKILL)

    assert worker.wait(60) == 0
    assert all(is_gone(pid) for pid in family)


def test_a_signal_to_the_programs_own_group_is_the_programs_own_matter(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program(
        "signal.signal(signal.SIGTERM, lambda *_: None)\nos.killpg(os.getpgrp(), signal.SIGTERM)\nsys.exit(7)")

    execution = run(program, tmp_path, LIMITS)

    assert execution.exit_code == 7


def test_the_program_sees_neither_the_launchers_variables_nor_its_descriptors(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program("print(sorted(os.environ), sorted(os.listdir('/proc/self/fd'))[:-1])")

    run(program, tmp_path, LIMITS)

    assert (tmp_path / "log").read_text() == "['HOME', 'LANG', 'PATH', 'TZ'] ['0', '1', '2']\n"
