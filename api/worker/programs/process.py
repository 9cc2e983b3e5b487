"""Runs one program on the bare host, under a launcher, in a process group of its own."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.worker.programs.command import Invocation
from api.worker.programs.descendants import kill_by_home, kill_group
from api.worker.programs.execution import Execution, Limits, execute
from api.worker.run_error import RunError

_PROJECT = Path(__file__).parents[3]
# Site packages are not imported.
_LAUNCHER = (sys.executable, "-S", "-P", "-m", "api.worker.programs.launcher")


def run_process(
    invocation: Invocation, limits: Limits, *, stop: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic,
    inherited: Mapping[str, str] | None = None,
) -> Execution:
    """Execute on the bare host, in a process group of its own, which is always killed at the end.

    Raises DiskFull where the disk did not take the program's output.
    """
    return execute(invocation, limits, _Launched, stop=stop, monotonic=monotonic, inherited=inherited)


class _Launched:
    """A program under the launcher, which the system itself holds to its limits."""

    def __init__(self, arguments: Sequence[str], limits: Limits, *, cwd: Path, env: Mapping[str, str], **streams: Any) -> None:
        self._home = cwd
        # Only this process holds the other end, so the pipe closes when it dies, which kills the program.
        self._lifeline, self._life = os.pipe()
        try:
            self.process = _launch(arguments, limits, self._lifeline, cwd=cwd, env=env, **streams)
        except BaseException:
            self._release()
            raise

    def is_too_large(self) -> bool:
        """False: it is ended by the system then."""
        return False

    def kill(self) -> None:
        """Kill its group, and what left that."""
        kill_group(self.process.pid)
        kill_by_home(self._home)
        self.process.wait()
        self._release()

    def _release(self) -> None:
        os.close(self._lifeline)
        os.close(self._life)


def _launch(
    arguments: Sequence[str], limits: Limits, lifeline: int, *, cwd: Path, env: Mapping[str, str], **streams: Any,
) -> subprocess.Popen[bytes]:
    """Start a program under the launcher. Raises RunError where it cannot be started."""
    status_reader, status_writer = os.pipe()
    sizes = (limits.file_bytes, limits.core_bytes, limits.memory_bytes)
    orders = (*map(str, (lifeline, status_writer, *sizes)), os.pathsep.join(limits.groups))
    try:
        process = subprocess.Popen(
            [*_LAUNCHER, *orders, *arguments], cwd=cwd, env={**env, "PYTHONPATH": str(_PROJECT)}, start_new_session=True,
            pass_fds=(lifeline, status_writer), **streams)
    except OSError:
        os.close(status_reader)
        raise
    finally:
        os.close(status_writer)
    _require_started(status_reader, process)
    return process


def _require_started(status_reader: int, process: subprocess.Popen[bytes]) -> None:
    with os.fdopen(status_reader, "rb") as status:
        number = status.read()
    if number:
        process.communicate()
        raise RunError(InfrastructureCode.EXECUTABLE_INVALID, f"The executable cannot be started: {os.strerror(int(number))}.")
