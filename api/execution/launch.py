"""Started in place of a test's program: sets limits for itself, then becomes that program.

Run as `python -I -S launch.py STATUS_DESCRIPTOR FILE_BYTES CORE_BYTES PROGRAM [ARGUMENT…]`. Limits that a parent sets between
fork and exec are unsafe beside threads, so they are set here, in a process of one thread. Where the program cannot be started, the
error's number is written to the status descriptor, which closes by itself otherwise.
"""
from __future__ import annotations

import os
import resource
import sys


def _limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, soft))


def main(arguments: list[str]) -> int:
    """Limit this process and replace it; return only where that fails."""
    status, file_bytes, core_bytes = (int(each) for each in arguments[:3])
    program = arguments[3:]
    os.set_inheritable(status, False)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, core_bytes)
    try:
        os.execv(program[0], program)
    except OSError as fault:
        os.write(status, str(fault.errno).encode())
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
