"""Starts the supervisor of an attempt, as a process that does not belong to the one that started it."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from api.storage.job_files import AttemptFiles

PROJECT = Path(__file__).parents[3]
PATIENCE = 30


class SupervisorNotStarted(Exception):
    """No supervisor came to hold the attempt; the message is for the operator."""


def module_command(module: str) -> list[str]:
    """The command line of one of our programs that needs the standard library alone; what is installed beside it is not looked through."""
    return [sys.executable, "-S", "-P", "-m", module]


def module_environment() -> dict[str, str]:
    """All that such a program sees of the environment, which holds secrets."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT)}


def start_supervisor(files: AttemptFiles, *, keep: Sequence[int] = ()) -> None:
    """Start the supervisor of a prepared attempt; it holds the attempt's lock when this returns.

    It keeps the descriptors `keep` open for as long as it lives: by them it goes on holding the slot that its starter took.
    Raises SupervisorNotStarted where another holds it, where the attempt is over, or where the process cannot be started.
    """
    command = [*module_command("api.execution.jobs.supervisor"), str(files.folder), *map(str, keep)]
    try:
        with files.supervisor_log.open("ab") as log:
            done = subprocess.run(
                command, env=module_environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=PATIENCE, check=False,
                pass_fds=keep)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise SupervisorNotStarted(str(fault)) from fault
    if done.returncode:
        raise SupervisorNotStarted(f"the supervisor ended with {done.returncode}; {files.supervisor_log.name} says more")
