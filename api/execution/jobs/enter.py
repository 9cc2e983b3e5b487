"""Started in a cage's place: joins its groups, gives up its rights, sets limits for itself, then becomes the cage's program.

Run as `python -I -S enter.py ORDERS`, ORDERS being JSON: `parent`, our starter's process id; `groups`, files that take our id; `open`,
paths to open before the rights are gone, by the descriptor each is to have; `user_id`; `limits`, by resource; `argv`. Between fork and
exec of a process with threads none of this is safe, so it is done here, in a process of one thread.
"""
from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

PARENT_DEATH_SIGNAL = 1
NO_NEW_PRIVILEGES = 38
MORE_LIKELY_TO_BE_KILLED = b"500"
FAILED = 125


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    os.write(file, content)
    os.close(file)


def _open(path: str, wanted: int) -> None:
    found = os.open(path, os.O_PATH)
    os.dup2(found, wanted, inheritable=True)
    os.close(found)


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


def _become(orders: dict[str, Any]) -> None:
    for group in orders["groups"]:
        _write(group, b"0")
    for descriptor, path in orders["open"].items():
        _open(path, int(descriptor))
    _write("/proc/self/oom_score_adj", MORE_LIKELY_TO_BE_KILLED)
    if orders["user_id"] is not None:
        give_up_rights(orders["user_id"])
    for kind, wanted in orders["limits"].items():
        set_limit(kind, wanted)
    _prctl(NO_NEW_PRIVILEGES, 1)
    # The kernel forgets this when rights change, so it comes after that; a starter that died before is seen by the id.
    _prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != orders["parent"]:
        return
    os.execv(orders["argv"][0], orders["argv"])


def main(text: str) -> int:
    """Carry out the orders; return only where that fails."""
    try:
        _become(json.loads(text))
    except OSError as fault:
        os.write(2, f"The cage could not be entered: {fault}.\n".encode())
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
