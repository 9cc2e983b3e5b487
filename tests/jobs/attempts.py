"""Runs attempts of jobs under real supervisors."""
from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from api.domain.jobs.archive_check import ArchiveLimits
from api.domain.jobs.exit_record import ExitRecord
from api.jobs.files import AttemptFiles, JobFiles
from api.jobs.project.environment import Installation
from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import PythonRuntime
from api.jobs.project.steps import mounts_for, steps_for
from api.jobs.project.unpack import unpack
from api.jobs.project.workspaces import Workspaces
from api.jobs.supervisor.spec import Spec, Step
from api.jobs.supervisor.start import start_supervisor
from api.sandbox.limits import Limits
from api.sandbox.sandbox import Mount, Sandbox

PYTHON = "/usr/bin/python3"
LIMITS = Limits(seconds=60, memory_bytes=256 << 20, processes=64, workspace_bytes=32 << 20, log_bytes=4 << 20, file_bytes=64 << 20)
# Each test process has users of its own, since several run side by side.
USER = 1_800_000_000 + os.getpid() % 900_000 * 100
TIMEOUT = 120.0


def python(body: str) -> tuple[str, ...]:
    """A command that runs a few lines of Python in the sandbox."""
    return (PYTHON, "-IS", "-c", f"import os, signal, socket, subprocess, sys, time\n{body}")


def shell(body: str) -> tuple[str, ...]:
    """A command that runs a few lines of shell in the sandbox."""
    return ("/bin/sh", "-c", body)


def await_true(what: Callable[[], bool]) -> None:
    """Wait until it is so."""
    until = time.monotonic() + TIMEOUT
    while not what():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.02)


def processes_of(user_id: int) -> list[int]:
    """The living processes of a user."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and folder.stat().st_uid == user_id and "State:\tZ" not in (folder / "status").read_text():
                found.append(int(folder.name))
    return found


@dataclass(frozen=True)
class Running:
    """An attempt that was started."""

    files: AttemptFiles
    workspace: Path
    user_id: int

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return self.files.log.read_text(errors="replace") if self.files.log.exists() else ""

    @property
    def supervisor(self) -> int:
        """The supervisor's process id."""
        return int(json.loads(self.files.state.read_bytes())["pid"])

    def await_log(self, words: str) -> None:
        """Wait until it has printed something."""
        await_true(lambda: words in self.log)

    def ended(self) -> ExitRecord:
        """Wait for its end."""
        await_true(lambda: self.files.exit.exists() and not self.files.is_supervised())
        record = self.files.read_exit()
        assert record is not None
        return record


class Bench:
    """Where attempts are run: a store, workspaces, and users of their own."""

    def __init__(self, sandbox: Sandbox, folder: Path, *, images: bool | None = None) -> None:
        self.sandbox = sandbox
        self._files = JobFiles(folder / "store")
        self._workspaces = Workspaces(folder / "work", images=images)
        self._started: list[Running] = []

    def start(
        self, *commands: tuple[str, ...], limits: Limits = LIMITS, lease: float = 3600, grace: float = 1, mounts: tuple[Mount, ...] = (),
        watched: bool | None = None,
    ) -> Running:
        """Start an attempt with one step per command."""
        job_id, user_id = str(uuid4()), USER + len(self._started)
        workspace = self._workspaces.create(job_id, limits.workspace_bytes, user_id)
        files = self._files.attempt(job_id, 1, 3)
        steps = tuple(Step(f"step{number}", command, limits) for number, command in enumerate(commands))
        spec = Spec(
            job_id, 3, self.sandbox.description(), workspace.folder, steps, mounts=mounts, user_id=user_id, grace_seconds=grace,
            disk=workspace.disk if (workspace.watched if watched is None else watched) else None)
        files.prepare(spec.as_json(), datetime.now(UTC) + timedelta(seconds=lease))
        running = Running(files, workspace.folder, user_id)
        self._started.append(running)
        start_supervisor(files)
        return running

    def run(self, *commands: tuple[str, ...], limits: Limits = LIMITS, watched: bool | None = None) -> tuple[ExitRecord, str]:
        """Run an attempt to its end; the record and the log."""
        running = self.start(*commands, limits=limits, watched=watched)
        return running.ended(), running.log

    def run_project(
        self, project: Path, options: JobOptions, runtime: PythonRuntime, *, cache: Path | None = None,
    ) -> tuple[int | None, str]:
        """Run a project as a job; the exit code and the log."""
        job_id, user_id = str(uuid4()), USER
        workspace = self._workspaces.create(job_id, options.limits.workspace_bytes, user_id)
        unpacked = unpack(project, workspace.folder, ArchiveLimits(), user_id=user_id)
        installation = Installation(unpacked.declared, unpacked.digests, cache)
        files = self._files.attempt(job_id, 1, 3)
        spec = Spec(
            job_id, 3, self.sandbox.description(), workspace.folder, steps_for(installation, options, runtime),
            mounts=mounts_for(workspace.environment, runtime), user_id=user_id)
        files.prepare(spec.as_json(), datetime.now(UTC) + timedelta(hours=1))
        running = Running(files, workspace.folder, user_id)
        self._started.append(running)
        start_supervisor(files)
        return running.ended().exit_code, running.log

    @property
    def last(self) -> Running:
        """The attempt that was started last."""
        return self._started[-1]

    def clear(self) -> None:
        """End what still runs, and remove the workspaces."""
        for running in self._started:
            if running.files.is_supervised():
                os.kill(running.supervisor, signal.SIGKILL)
                await_true(lambda running=running: not processes_of(running.user_id))  # type: ignore[misc]
        for name in self._workspaces.names():
            self._workspaces.remove(name)
