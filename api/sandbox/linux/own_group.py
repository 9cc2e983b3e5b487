"""Finds the control group of a running process."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from api.sandbox.linux.cgroups import MEMORY, PROCESSES, ROOT, Group

PROC = Path("/proc")


def group_of(pid: int, *, proc: Path = PROC, root: Path = ROOT) -> Group | None:
    """The group that counts what a process does at its limits; None where that cannot be seen."""
    places: dict[str, Path] = {}
    with suppress(OSError, ValueError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            places |= {name: root / name / path.lstrip("/") for name in controllers.split(",") if name in (MEMORY, PROCESSES)}
            if number == "0" and MEMORY not in places and (root / "cgroup.controllers").exists():
                folder = root / path.lstrip("/")
                return Group((), folder / "memory.events", folder / "pids.events")
    if MEMORY not in places:
        return None
    return Group((), places[MEMORY] / "memory.oom_control", places[PROCESSES] / "pids.events" if PROCESSES in places else None)
