"""Finds the control group of a running process."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from api.sandbox.cgroups import MEMORY, ROOT, Group

PROC = Path("/proc")


def group_of(pid: int, *, proc: Path = PROC, root: Path = ROOT) -> Group | None:
    """The group that holds a process's memory; None where that cannot be seen."""
    with suppress(OSError, ValueError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if MEMORY in controllers.split(","):
                return Group((), count_file=root / MEMORY / path.lstrip("/") / "memory.oom_control")
            if number == "0" and (root / "cgroup.controllers").exists():
                return Group((), count_file=root / path.lstrip("/") / "memory.events")
    return None
