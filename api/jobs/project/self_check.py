"""Checks that a sandbox has Python and pytest, which a custom image may lack."""
from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from api.jobs.project.environment import PYTHON, tool_of
from api.jobs.project.job_options import JobOptions
from api.jobs.project.python_runtime import PythonRuntime
from api.sandbox.probing import MAX_OUTPUT_LENGTH, SELF_CHECK_USER
from api.sandbox.sandbox import ExitStatus, Plan, Sandbox, SandboxFailure, SandboxProcess

log = logging.getLogger(__name__)

# Long, since a busy host is slow to start a container.
TIMEOUT_SECONDS = 120.0
RETRY_INTERVAL = 60.0
POLL_SECONDS = 0.2
# A virtual environment, as every job gets one.
TRIAL = ("/bin/sh", "-c", "uv venv --quiet --no-project /tmp/trial && /tmp/trial/bin/python -Ic ''")


class CheckInconclusive(Exception):
    """The trial did not end, so that nothing is known of the sandbox."""


class SelfCheck:
    """A trial of the jobs' command, where that is Python or pytest; other commands cannot be tried without a project."""

    def __init__(self, sandbox: Sandbox, options: JobOptions, runtime: PythonRuntime) -> None:
        self._sandbox, self._options, self._runtime = sandbox, options, runtime
        self._notified: str | None = None
        self._is_finished = False

    def repeat(self, notify: Callable[[str | None], None], stopping: threading.Event) -> None:
        """Try again until nothing is missing, and call `notify` when the problem changes, since an image may be replaced.

        Raises CheckInconclusive.
        """
        if self._is_finished:
            return
        try:
            trouble = self.find_problem(stopping)
        except CheckInconclusive:
            if stopping.is_set():
                return
            raise
        if trouble != self._notified:
            log.error("no jobs are taken: %s", trouble) if trouble else log.info("jobs are taken: their Python is there now")
            notify(trouble)
            self._notified = trouble
        self._is_finished = trouble is None

    def find_problem(self, stopping: threading.Event) -> str | None:
        """The problem that would fail every job, as a public message, or None. Raises CheckInconclusive."""
        tool = tool_of(self._options.command)
        if tool is None and self._options.command[:1] not in [(each,) for each in PYTHON]:
            return None
        if self._runs(TRIAL, stopping):
            return None
        if not self._runs(("python", "-c", ""), stopping):
            return "the sandbox has no python that runs"
        return "the sandbox has no uv that runs"

    def _runs(self, command: tuple[str, ...], stopping: threading.Event) -> bool:
        # Through a shell, a missing program fails alike in all sandboxes.
        plan = Plan(
            f"trial-{os.urandom(6).hex()}", ("/bin/sh", "-c", 'exec "$@"', "sh", *command),
            replace(self._options.limits, network=False), environment=dict(self._runtime.environment),
            mounts=self._runtime.mounts, user_id=SELF_CHECK_USER if os.geteuid() == 0 else None)
        try:
            process = self._sandbox.launch(plan)
        except SandboxFailure as failure:
            raise CheckInconclusive(str(failure)) from failure
        try:
            ending = _end_of(process, stopping)
            process.kill()
            if ending.exit_code is None:
                raise CheckInconclusive(ending.failure or "the sandbox failed")
            if ending.exit_code:
                said = os.read(process.output, MAX_OUTPUT_LENGTH).decode(errors="replace").strip()
                log.warning("in the sandbox `%s` ends with %d: %r", " ".join(command), ending.exit_code, said)
            return ending.exit_code == 0
        finally:
            process.close()


def _end_of(process: SandboxProcess, stopping: threading.Event) -> ExitStatus:
    until = time.monotonic() + TIMEOUT_SECONDS
    while (ending := process.poll()) is None:
        if stopping.is_set() or time.monotonic() >= until:
            process.kill()
            raise CheckInconclusive("the agent is being stopped" if stopping.is_set() else f"no end in {TIMEOUT_SECONDS:.0f} seconds")
        select.select([process.ended], [], [], POLL_SECONDS)
    return ending
