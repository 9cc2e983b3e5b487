"""The part of a machine that executes runs, whatever it executes them in."""
from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from api.config import Settings
from api.domain.runs.machine import WorkKind
from api.machine.file_cache import FileCache
from api.machine.job_client import JobClient
from api.machine.server_source import ServerRunSource
from api.system import INHERITED
from api.worker.options import WorkerOptions
from api.worker.programs.command import SandboxPaths
from api.worker.programs.execution import Limits, RunProcess
from api.worker.run_source import RunSource
from api.worker.sources.source import Source
from api.worker.worker import Worker

# How long a question for work lasts, in seconds.
WAIT = 25
# Parts of a lease: what a renewal may take, and after which the run is stopped, in time before another machine begins it.
RENEWAL, LOST_AFTER = 1 / 6, 3 / 4
# How often a lease is renewed, in seconds. So soon a machine stops a run that was cancelled.
RENEW_INTERVAL = 5.0


@dataclass(frozen=True)
class MachineProcess:
    """A machine's process: who it is, what it may take, and when it is to end.

    `once`: when no run is queued. `stop` is set when it is told to; `handed_over` when another goes on with its jobs.
    """

    settings: Settings
    client: JobClient
    name: str
    lease_seconds: float
    kinds: frozenset[WorkKind]
    once: bool
    stop: threading.Event
    handed_over: threading.Event

    @property
    def work_dir(self) -> Path:
        """The folder of this host for what runs."""
        return self.settings.work_dir.absolute()

    @property
    def cache(self) -> FileCache:
        """What the machine has fetched."""
        return FileCache(self.work_dir / "cache", self.settings.cache_size)


def execute_runs(
    machine: MachineProcess, runner: RunProcess, sources: Callable[[RunSource], tuple[Source, ...]], *, sandboxed: bool,
) -> None:
    """Execute runs until the machine is to end."""
    found = _options(machine, sandboxed=sandboxed)
    runs = ServerRunSource(
        machine.client, machine.cache, machine.stop, found.retries, wait=0 if machine.once else WAIT,
        renew_timeout=machine.lease_seconds * RENEWAL)
    Worker(replace(found, sources=sources(runs)), runs, machine.stop, runner).work(until_idle=machine.once)


def inherited() -> dict[str, str]:
    """What a program under test sees of this process's environment, which holds secrets; its home is a folder of its own."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _options(machine: MachineProcess, *, sandboxed: bool) -> WorkerOptions:
    settings, found = machine.settings, shutil.which("ffmpeg")
    return WorkerOptions(
        name=machine.name, temporary=machine.work_dir / "runs", trusted=settings.trust_executables, sandboxed=sandboxed,
        limits=Limits(seconds=settings.test_timeout, core_bytes=settings.core_dump_limit),
        places=SandboxPaths(f"{settings.sandbox_repository}/TestFiles", f"{settings.sandbox_repository}/TempFiles"),
        ffmpeg=Path(found) if found else None, run_seconds=settings.run_timeout,
        renew_seconds=min(RENEW_INTERVAL, machine.lease_seconds * RENEWAL), lease_timeout=machine.lease_seconds * LOST_AFTER)
