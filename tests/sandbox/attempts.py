"""What attempts in a sandbox are looked at for."""
from __future__ import annotations

import pytest

from api.domain.jobs.job import JobReason
from tests.jobs.attempts import Bench, shell

# What holds in a cluster too. It takes seconds there, so that not every test is run.
EVERYWHERE = pytest.mark.parametrize("sandbox", ["bubblewrap", "container", "kubernetes"], indirect=True)
SYSTEM_CALL = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"


def is_unharmed(bench: Bench) -> bool:
    """Whether the next job runs as if nothing had been."""
    record, log = bench.run(shell("echo fine"))
    return (record.reason, record.exit_code, log) == (JobReason.EXIT_CODE, 0, "fine\n")
