"""What attempts in a sandbox are looked at for."""
from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from api.domain.jobs.job import JobReason
from api.sandbox.guard_process import GUARD
from tests.examples import each_day
from tests.jobs.attempts import Bench, shell

# What holds in a cluster too. It takes seconds there, so that not every test is run.
# Podman plays the pods of a cluster, more slowly than it starts containers; tests/sandbox/kubernetes has what is a cluster's alone.
EVERYWHERE = pytest.mark.parametrize(
    "sandbox", ["bubblewrap", "container", pytest.param("kubernetes", marks=pytest.mark.verify)], indirect=True)
# What is slow, and held by the same means of the kernel in both.
BUBBLEWRAP_EACH_DAY = pytest.mark.parametrize("sandbox", each_day(["bubblewrap", "container"], "bubblewrap"), indirect=True)
SYSTEM_CALL = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"


def is_unharmed(bench: Bench) -> bool:
    """Whether the next job runs as if nothing had been."""
    record, log = bench.run(shell("echo fine"))
    return (record.reason, record.exit_code, log) == (JobReason.EXIT_CODE, 0, "fine\n")


def guard_of(folder: Path, job_id: str) -> int:
    """The process id of the guard of a job's one step in a folder of sandboxes."""
    [found] = folder.glob(f"*{job_id}*/{GUARD}")
    return int(found.read_text())


def end_all_at_once(*processes: int) -> None:
    """End processes as the kernel does with those of a pod, so that none of them sees another one's end."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            os.kill(process, number)
