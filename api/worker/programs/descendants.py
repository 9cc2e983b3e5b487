"""Kills every descendant of a test's program, even those that left its process group."""
from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
ROUNDS = 50


def kill_group(leader: int) -> None:
    """Kill the process group that `leader` heads, itself included; a group that is gone is fine."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS answers "not permitted" for a group of which only unreaped processes are left.
        return


def kill_by_home(home: Path) -> None:
    """Kill the processes whose HOME is `home`, a folder that belongs to one execution alone.

    This finds those that left the group by a session of their own. It needs /proc; without it only the group is killed. A process
    that is just starting may be missed, so the scan is repeated until it finds none.
    """
    mark = b"HOME=" + os.fsencode(home)
    for _ in range(ROUNDS):
        found = list(_marked(mark))
        if not found:
            return
        for pid in found:
            _kill(pid)


def _marked(mark: bytes) -> Iterator[int]:
    if not PROC.is_dir():
        return
    for folder in PROC.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid() and _is_marked(folder, mark):
            yield int(folder.name)


def _is_marked(folder: Path, mark: bytes) -> bool:
    try:
        # A zombie has an empty environment, so it is not found again.
        return mark in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
