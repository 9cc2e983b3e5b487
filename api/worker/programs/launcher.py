"""The launcher between a worker and a program on the bare host: neither outlives the worker.

Run as `python -S -P -m api.worker.programs.launcher` LIFELINE STATUS_DESCRIPTOR FILE_BYTES CORE_BYTES MEMORY_BYTES GROUPS PROGRAM
[ARGUMENT…], heading a process group, its HOME being a folder that belongs to this execution alone. MEMORY_BYTES is 0 for no limit; GROUPS
are files, separated by colons, into which the program's process id goes. Limits that a parent sets between fork and exec are unsafe
beside threads, so they are set here, in a process of one thread. Where the program cannot be started, the error's number is written to
the status descriptor, which closes by itself otherwise. The lifeline is the reading end of a pipe whose other end is the worker's alone:
it closes when the worker dies, whichever of its threads started us and however it dies. This process ends as the program did.
"""
from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from api.worker.programs.descendants import kill_by_home, kill_group

PARENT_DEATH_SIGNAL = 1
# What a program sends to its whole group is not meant for us.
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)
NOT_STARTED = 127


class Limits(NamedTuple):
    """What the program may use, in bytes, and the control groups that it enters."""

    file_bytes: int
    core_bytes: int
    memory_bytes: int
    groups: tuple[str, ...]


def _limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (soft, soft))


def _die_with(parent: int) -> None:
    """Be killed when `parent`, a process of one thread until then, ends; where the system has no such thing, only the lifeline helps."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(NOT_STARTED)


def _become(program: list[str], status: int, limits: Limits, parent: int) -> None:
    """In the child: limit it and replace it; never return."""
    try:
        _die_with(parent)
        for number in (*IGNORED, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        for group in limits.groups:
            _enter(group)
        _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
        _limit(resource.RLIMIT_CORE, limits.core_bytes)
        if limits.memory_bytes:
            # What a process has of its own; files that it maps are no memory of its own, so RLIMIT_AS would be none of a limit on it.
            _limit(resource.RLIMIT_DATA, limits.memory_bytes)
        os.execv(program[0], program)
    except OSError as fault:
        os.write(status, str(fault.errno).encode())
    finally:
        os._exit(NOT_STARTED)


def _enter(group: str) -> None:
    file = os.open(group, os.O_WRONLY | os.O_CLOEXEC)
    os.write(file, b"0")
    os.close(file)


def _end_at_the_lifelines_end(lifeline: int) -> None:
    os.read(lifeline, 1)
    kill_by_home(Path(os.environ["HOME"]))
    kill_group(os.getpgrp())


def _end_as(status: int) -> int:
    """The exit status of this process; it ends here where a signal ended the program."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _limit(resource.RLIMIT_CORE, 0)
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def main(arguments: list[str]) -> int:
    """Start the program, wait for its end or the worker's, and end in the same way."""
    lifeline, status = (int(each) for each in arguments[:2])
    file_bytes, core_bytes, memory_bytes = (int(each) for each in arguments[2:5])
    limits = Limits(file_bytes, core_bytes, memory_bytes, tuple(filter(None, arguments[5].split(os.pathsep))))
    os.environ.pop("PYTHONPATH", None)
    for each in (lifeline, status):
        os.set_inheritable(each, False)
    # Before there is a program that could send one.
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    parent = os.getpid()
    child = os.fork()
    if not child:
        _become(arguments[6:], status, limits, parent)
    os.close(status)
    # What the program prints and reads is its own: a pipe must end when it does.
    null = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(null, each)
    threading.Thread(target=_end_at_the_lifelines_end, args=(lifeline,), daemon=True).start()
    return _end_as(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
