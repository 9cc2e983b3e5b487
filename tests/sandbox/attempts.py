"""What attempts in a sandbox are looked at for."""
from __future__ import annotations

from api.domain.jobs.job import JobReason
from tests.jobs.attempts import Bench, shell

SYSTEM_CALL = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nlibc.syscall.restype = ctypes.c_long\n"


def is_unharmed(bench: Bench) -> bool:
    """Whether the next job runs as if nothing had been."""
    record, log = bench.run(shell("echo fine"))
    return (record.reason, record.exit_code, log) == (JobReason.EXIT_CODE, 0, "fine\n")
