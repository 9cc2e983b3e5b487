"""Starts the program of a sandbox with its file descriptors, cgroups, user and limits."""
from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.sandbox.linux.enter import CLEAN, FAILED, carry_out

ENTER = str(Path(__file__).with_name("enter.py"))
FIRST_FREE_DESCRIPTOR = 64
SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What the starter does before it becomes `argv`. `shown` are paths that `argv` finds as /mnt/NAME, by that name; it takes root."""

    argv: Sequence[str]
    groups: Sequence[str] = ()
    shown: Mapping[str, Path] = field(default_factory=dict)
    user_id: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)

    def as_values(self) -> dict[str, Any]:
        """The orders as the starter reads them."""
        return {
            "argv": list(self.argv), "groups": list(self.groups), "shown": {name: str(path) for name, path in self.shown.items()},
            "user_id": self.user_id, "limits": dict(self.limits), "parent": os.getpid()}


def spawn(spec: LaunchSpec, descriptors: Mapping[int, int]) -> int:
    """Start a program and return its process id. `descriptors` gives ours by the number that each is to have there; no other is passed.

    The program is killed when the calling thread ends.
    """
    # Moved to high numbers first, so that dup2 never overwrites a descriptor that is still needed.
    moved = {wanted: fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_DESCRIPTOR) for wanted, ours in descriptors.items()}
    try:
        return _fork_and_exec(spec, moved) if threading.active_count() == 1 else _posix_spawn(spec, moved)
    finally:
        for each in moved.values():
            os.close(each)


def _fork_and_exec(spec: LaunchSpec, descriptors: Mapping[int, int]) -> int:
    """The quick way, for a process of one thread."""
    values = spec.as_values()
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for wanted, ours in descriptors.items():
            os.dup2(ours, wanted)
        carry_out(values)
    finally:
        os._exit(FAILED)


def _posix_spawn(spec: LaunchSpec, descriptors: Mapping[int, int]) -> int:
    actions = [(os.POSIX_SPAWN_DUP2, ours, wanted) for wanted, ours in descriptors.items()]
    argv = [sys.executable, "-I", "-S", ENTER, json.dumps(spec.as_values())]
    return os.posix_spawn(sys.executable, argv, CLEAN, file_actions=actions, setsigdef=SIGNALS, setsigmask=())


def memory_file(name: str, content: bytes) -> int:
    """A descriptor of an anonymous file with this content."""
    made = os.memfd_create(name, os.MFD_CLOEXEC)
    os.write(made, content)
    os.lseek(made, 0, os.SEEK_SET)
    return made
