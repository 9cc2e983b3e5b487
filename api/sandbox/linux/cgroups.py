"""Control groups, v1 and v2: the kernel's limits on memory, processes and processor time."""
from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from api.sandbox.limits import Limits

ROOT = Path("/sys/fs/cgroup")
PARENT = "ci-jobs"
PERIOD = 100_000
ROUNDS = 200
# What is killed is gone in a moment, but on a machine without time for it only after seconds.
KILL_ROUNDS = 2000
PAUSE = 0.005
MEMORY, PROCESSES, CPUS = "memory", "pids", "cpu"
CONTROLLERS = (MEMORY, PROCESSES, CPUS)


@dataclass(frozen=True)
class Group:
    """One group, made of one folder per hierarchy. What is put into it stays in it, with all that it starts."""

    folders: Sequence[Path]
    memory_events: Path | None = None
    process_events: Path | None = None
    kill_file: Path | None = None
    sleep: Callable[[float], None] = field(default=time.sleep)

    @property
    def entrances(self) -> list[str]:
        """The files into which a process writes its id to enter."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def out_of_memory_kills(self) -> int:
        """How many processes the kernel has killed for the memory limit."""
        return _count(self.memory_events, "oom_kill")

    def refused_processes(self) -> int:
        """How many processes the kernel has not let begin, for the limit of their number."""
        return _count(self.process_events, "max")

    def members(self) -> set[int]:
        """The processes in the group."""
        found: set[int] = set()
        for folder in self.folders:
            with suppress(OSError):
                found |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
        return found - {0}

    def kill(self) -> None:
        """Kill all of the group, and wait until it is empty; what is just being born is caught in the next round."""
        if self.kill_file is not None and self.kill_file.exists():
            with suppress(OSError):
                self.kill_file.write_text("1")
        for _ in range(KILL_ROUNDS):
            members = self.members()
            if not members:
                return
            for pid in members:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.sleep(PAUSE)

    def created_at(self) -> float:
        """When the group was made, as seconds since 1970; the past where it is gone."""
        with suppress(OSError, IndexError):
            return self.folders[0].stat().st_mtime
        return 0

    def remove(self) -> bool:
        """Remove the group; False where something in it does not die, which a later sweep looks at again."""
        for _ in range(ROUNDS):
            if all(_is_removed(folder) for folder in self.folders):
                return True
            self.sleep(PAUSE)
        return False


class Cgroups(Protocol):
    """One version of the kernel's control groups. `enforced` names the controllers that can be used here."""

    version: str
    enforced: frozenset[str]

    def create(self, name: str, limits: Limits, *, extra_processes: int) -> Group:
        """Make a group. Raises OSError."""

    def leftovers(self) -> Iterator[Group]:
        """The groups that exist."""


class VersionOne:
    """One hierarchy per controller, as older systems have it."""

    version = "v1"

    def __init__(self, root: Path = ROOT, parent: str = PARENT) -> None:
        self._parents = {name: root / name / parent for name in CONTROLLERS if _is_made(root / name / parent, "cgroup.procs")}
        self.enforced = frozenset(self._parents)

    def create(self, name: str, limits: Limits, *, extra_processes: int) -> Group:
        """Make a group in each hierarchy."""
        folders = {controller: parent / name for controller, parent in self._parents.items()}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        if memory := folders.get(MEMORY):
            (memory / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
            _write_if_there(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
        if processes := folders.get(PROCESSES):
            (processes / "pids.max").write_text(str(limits.processes + extra_processes))
        if cpus := folders.get(CPUS):
            (cpus / "cpu.cfs_period_us").write_text(str(PERIOD))
            (cpus / "cpu.cfs_quota_us").write_text(str(int(limits.cpus * PERIOD)))
        return self._group(folders)

    def leftovers(self) -> Iterator[Group]:
        """The groups that exist, in any of the hierarchies."""
        names = {folder.name for parent in self._parents.values() for folder in parent.iterdir() if folder.is_dir()}
        for name in sorted(names):
            yield self._group({
                controller: parent / name for controller, parent in self._parents.items() if (parent / name).is_dir()})

    def _group(self, folders: dict[str, Path]) -> Group:
        memory, processes = folders.get(MEMORY), folders.get(PROCESSES)
        return Group(
            tuple(folders.values()), memory / "memory.oom_control" if memory else None, processes / "pids.events" if processes else None)


class VersionTwo:
    """One hierarchy for all controllers, each of which a parent must hand down."""

    version = "v2"

    def __init__(self, root: Path = ROOT, parent: str = PARENT) -> None:
        self._parent = root / parent
        made = _is_made(self._parent, "cgroup.procs")
        self.enforced = frozenset(_handed_down(root, self._parent)) if made else frozenset()

    def create(self, name: str, limits: Limits, *, extra_processes: int) -> Group:
        """Make a group; when its memory is used up, all of it dies at once."""
        folder = self._parent / name
        folder.mkdir(exist_ok=True)
        if MEMORY in self.enforced:
            (folder / "memory.max").write_text(str(limits.memory_bytes))
            _write_if_there(folder / "memory.swap.max", "0")
            _write_if_there(folder / "memory.oom.group", "1")
        if PROCESSES in self.enforced:
            (folder / "pids.max").write_text(str(limits.processes + extra_processes))
        if CPUS in self.enforced:
            (folder / "cpu.max").write_text(f"{int(limits.cpus * PERIOD)} {PERIOD}")
        return self._group(folder)

    def leftovers(self) -> Iterator[Group]:
        """The groups that exist."""
        if self.enforced:
            for folder in sorted(folder for folder in self._parent.iterdir() if folder.is_dir()):
                yield self._group(folder)

    @staticmethod
    def _group(folder: Path) -> Group:
        return Group((folder,), folder / "memory.events", folder / "pids.events", folder / "cgroup.kill")


def detect(root: Path = ROOT, parent: str = PARENT) -> Cgroups | None:
    """The control groups that this process may use; None where it may use none."""
    found: Cgroups = VersionTwo(root, parent) if (root / "cgroup.controllers").exists() else VersionOne(root, parent)
    return found if found.enforced else None


def _is_made(folder: Path, needed: str) -> bool:
    """Whether the folder is a group that we may write to; the kernel fills a new folder with its files."""
    if not folder.parent.is_dir() or not (folder.parent / needed).exists():
        return False
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
    return folder.is_dir() and os.access(folder / needed, os.W_OK)


def _handed_down(root: Path, parent: Path) -> Iterator[str]:
    above = [folder for folder in (*reversed(parent.parents), parent) if folder == root or root in folder.parents]
    for controller in CONTROLLERS:
        with suppress(OSError):
            for folder in above:
                if controller not in (folder / "cgroup.subtree_control").read_text().split():
                    (folder / "cgroup.subtree_control").write_text(f"+{controller}")
            yield controller


def _write_if_there(path: Path, text: str) -> None:
    if path.exists():
        with suppress(OSError):
            path.write_text(text)


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _count(events: Path | None, wanted: str) -> int:
    """A number in a file of events, which has a name and a number on each line; 0 where there is none."""
    if events is not None:
        with suppress(OSError):
            for line in events.read_text().splitlines():
                name, _, number = line.partition(" ")
                if name == wanted:
                    return int(number)
    return 0
