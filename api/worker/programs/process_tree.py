"""Runs one program on the bare host of any system, without the launcher: its descendants are those that the system tells of."""
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.folder_size import is_larger
from api.system import NEW_PROGRAM
from api.worker.programs.command import Invocation
from api.worker.programs.execution import Execution, Limits, execute
from api.worker.run_error import RunError

ROUNDS = 50
# How long the system may take to end a process that was killed, in seconds.
END_SECONDS = 1.0
FOLDER_POLL_SECONDS = 1.0


def run_process_tree(
    invocation: Invocation, limits: Limits, *, stop: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic,
    inherited: Mapping[str, str] | None = None,
) -> Execution:
    """Execute on the bare host, and kill at the end all that the program has started.

    Of the limits there are the time, the log, and how much lies in the program's folder. Raises DiskFull where the disk did not take
    the program's output.
    """
    return execute(invocation, limits, _ProcessTree, stop=stop, monotonic=monotonic, inherited=inherited)


class _ProcessTree:
    """A program, its descendants, and whoever has its folder for a home: those whose parent has ended, too."""

    def __init__(self, arguments: Sequence[str], limits: Limits, *, cwd: Path, env: Mapping[str, str], **streams: Any) -> None:
        self._home, self._file_bytes, self._looked_at = cwd, limits.file_bytes, time.monotonic()
        try:
            self.process = subprocess.Popen(arguments, cwd=cwd, env=env, creationflags=NEW_PROGRAM, **streams)
        except OSError as fault:
            raise RunError(InfrastructureCode.EXECUTABLE_INVALID, f"The executable cannot be started: {fault.strerror}.") from fault

    def is_too_large(self) -> bool:
        """Whether more lies in its folder than a file may have; it is looked at once a second."""
        if time.monotonic() - self._looked_at < FOLDER_POLL_SECONDS:
            return False
        self._looked_at = time.monotonic()
        return is_larger(self._home, self._file_bytes)

    def kill(self) -> None:
        """Kill them again and again until there are none: one that is just starting may be missed."""
        for _ in range(ROUNDS):
            found = {*self._descendants(), *_at_home(str(self._home))}
            if not found and self.process.poll() is not None:
                break
            for each in found:
                with suppress(psutil.Error):
                    each.kill()
            with suppress(OSError):
                self.process.kill()
            psutil.wait_procs(found, END_SECONDS)
        self.process.wait()

    def _descendants(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        with suppress(psutil.Error):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []


def _at_home(home: str) -> Iterator[psutil.Process]:
    for each in psutil.process_iter():
        # Others' processes tell nothing, and those that have ended neither.
        with suppress(psutil.Error, OSError):
            if each.pid != os.getpid() and each.environ().get("HOME") == home:
                yield each
