"""The launcher of a sandbox: joins cgroups, drops privileges, sets limits, then executes the sandbox's program.

Run as `python -I -S enter.py ORDERS`, ORDERS being JSON: `parent`, our starter's process id; `groups`, files that take our id; `shown`,
paths to be shown as /mnt/NAME to us alone, whoever may pass to where they lie; `user_id`; `limits`, by resource; `argv`. Between fork
and exec of a process with threads none of this is safe, so those start this program; a process of one thread calls `carry_out`.
"""
from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import stat
import sys
from typing import Any

LIBRARY = ctypes.CDLL(None, use_errno=True)
STAGE = "/mnt"
NEW_MOUNTS = 0x00020000
NO_SETUID, NO_DEVICES, BIND, RECURSIVE, SLAVE = 2, 4, 1 << 12, 1 << 14, 1 << 19
PARENT_DEATH_SIGNAL = 1
NO_NEW_PRIVILEGES = 38
MORE_LIKELY_TO_BE_KILLED = b"500"
FAILED = 125
PROGRAMS_UMASK = 0o022
CLEAN = {"PATH": os.defpath, "LANG": "C.UTF-8"}


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    _check(LIBRARY.mount(*words, ctypes.c_ulong(flags), None if options is None else options.encode()))


def _write(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    os.write(file, content)
    os.close(file)


def _show(shown: dict[str, str]) -> None:
    """Put paths where anyone may pass, in a view of the file system that nobody else has."""
    _check(LIBRARY.unshare(NEW_MOUNTS))
    _mount("none", "/", None, RECURSIVE | SLAVE)
    opened = {name: os.open(path, os.O_PATH | os.O_CLOEXEC) for name, path in shown.items()}
    _mount("tmpfs", STAGE, "tmpfs", NO_SETUID | NO_DEVICES, "mode=0755,size=1m")
    for name, descriptor in opened.items():
        target = f"{STAGE}/{name}"
        if stat.S_ISDIR(os.stat(descriptor).st_mode):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        _mount(f"/proc/self/fd/{descriptor}", target, None, BIND)
        os.close(descriptor)


def set_limit(kind: str, wanted: int) -> None:
    """Lower a limit of this process, named as in the module `resource`, for good."""
    number = getattr(resource, kind)
    _, hard = resource.getrlimit(number)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(number, (value, value))


def give_up_rights(user_id: int) -> None:
    """Become this user, without any group but its own, for good."""
    os.setgroups([])
    os.setresgid(user_id, user_id, user_id)
    os.setresuid(user_id, user_id, user_id)


def _become(spec: dict[str, Any]) -> None:
    for group in spec["groups"]:
        _write(group, b"0")
    if spec["shown"]:
        _show(spec["shown"])
    _write("/proc/self/oom_score_adj", MORE_LIKELY_TO_BE_KILLED)
    if spec["user_id"] is not None:
        give_up_rights(spec["user_id"])
    for kind, wanted in spec["limits"].items():
        set_limit(kind, wanted)
    # What a program makes must not depend on how private the service keeps its own files.
    os.umask(PROGRAMS_UMASK)
    _check(LIBRARY.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    # The kernel forgets this when rights change, so it comes after that; a starter that died before is seen by the id.
    _check(LIBRARY.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != spec["parent"]:
        return
    os.execve(spec["argv"][0], spec["argv"], CLEAN)


def carry_out(spec: dict[str, Any]) -> int:
    """Become what the orders say; return only where that fails."""
    try:
        _become(spec)
    except OSError as fault:
        os.write(2, f"The sandbox could not be entered: {fault}.\n".encode())
    return FAILED


if __name__ == "__main__":
    sys.exit(carry_out(json.loads(sys.argv[1])))
