"""One attempt of a job: runs its steps in turn, each in a sandbox, and writes one log."""
from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason
from api.domain.jobs.missing_import import missing_declaration
from api.jobs.files import AttemptFiles
from api.jobs.supervisor.attempt_log import AttemptLog
from api.jobs.supervisor.spec import Spec, Step
from api.jobs.supervisor.stop_conditions import Lease, StepWatch, Stop
from api.sandbox.sandbox import ExitStatus, Plan, Sandbox, SandboxFailure, SandboxProcess

POLL_SECONDS = 0.1
CHUNK = 1 << 16
PROCESSES_REFUSED = "A process or thread was refused: there may be {limit} at once."
# In so much of the end of a failed job's log is looked for what was not declared, in bytes.
END_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class _Result:
    """How a step ended."""

    reason: JobReason
    ending: ExitStatus

    @property
    def is_success(self) -> bool:
        return self.reason is JobReason.EXIT_CODE and self.ending.exit_code == 0


class Attempt:
    """An attempt with its files, its specification and its sandbox."""

    def __init__(
        self, files: AttemptFiles, spec: Spec, sandbox: Sandbox, *, now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._files, self._spec, self._sandbox = files, spec, sandbox
        self._now, self._monotonic, self._sleep = now, monotonic, sleep
        self._log = AttemptLog(files.log)
        self._lease = Lease(files, now)

    def run(self) -> ExitRecord:
        """Run the steps until one fails or all have ended; no process of them is left."""
        started_at = self._now()
        result, name, detail = _Result(JobReason.EXIT_CODE, ExitStatus(exit_code=0)), None, None
        try:
            for number, step in self._steps():
                name = step.name
                if self._sandbox.can_resume:
                    self._files.write_progress(number, self._log.length)
                result = self._run_step(step)
                if not result.is_success:
                    break
        except SandboxFailure as failure:
            result, detail = _Result(JobReason.ENGINE_ERROR, ExitStatus()), str(failure)
        if result.reason is JobReason.EXIT_CODE and not result.is_success:
            self._log.write_message(missing_declaration(_end_of(self._files.log)) or "")
        self._finish_log()
        return ExitRecord(
            fence=self._spec.fence, reason=result.reason, started_at=started_at, exit_code=result.ending.exit_code,
            signal=result.ending.signal, step=name, log_bytes=self._log.close(), log_truncated=self._log.is_truncated,
            detail=detail or result.ending.failure, ended_at=self._now())

    def _steps(self) -> list[tuple[int, Step]]:
        """The steps to run. Where a supervisor before this one began one, what that printed is written once more, from its beginning."""
        steps = [*enumerate(self._spec.steps)]
        if not self._sandbox.can_resume:
            return steps
        first, log_bytes = self._files.read_progress()
        self._log.rewind(log_bytes)
        return steps[first:]

    def _run_step(self, step: Step) -> _Result:
        if self._files.cancel.exists():
            return _Result(JobReason.CANCELLED, ExitStatus())
        # If the agent was frozen between its claim and our start, the job may be another agent's by now.
        if self._lease.has_passed():
            return _Result(JobReason.LOST, ExitStatus())
        self._log.write_message(step.heading)
        self._log.limit(step.limits.log_bytes)
        spec = self._spec
        process = self._sandbox.launch(Plan(
            f"{spec.name}-{step.name}", step.command, step.limits, workspace=spec.workspace, environment=step.environment,
            mounts=(*spec.mounts, *step.mounts), user_id=spec.user_id))
        try:
            return self._watch(step, process)
        finally:
            process.close()

    def _watch(self, step: Step, process: SandboxProcess) -> _Result:
        disk = self._spec.disk
        watched = [*([] if disk is None else [disk]), *(mount.source for mount in step.mounts if mount.writable)]
        watch = StepWatch(self._files, self._lease, step.limits, self._log, process, watched, self._monotonic)
        stop: Stop | None = None
        while stop is None and (ending := process.poll()) is None:
            self._forward_output(process)
            process.is_out_of_processes()
            stop = watch.check()
        if stop is not None:
            ending = self._stop(process, stop)
        process.kill()
        self._drain(process)
        if process.is_out_of_processes():
            self._log.write_message(PROCESSES_REFUSED.format(limit=step.limits.processes))
        assert ending is not None
        return self._classify(process, stop, ending)

    def _stop(self, process: SandboxProcess, stop: Stop) -> ExitStatus | None:
        """Terminate the sandbox, then kill it after the grace period."""
        if stop.gracefully:
            process.terminate()
            kill_at = self._monotonic() + self._spec.grace_seconds
            while process.poll() is None and self._monotonic() < kill_at and not self._lease.has_passed():
                self._forward_output(process)
        process.kill()
        self._log.write_message(stop.message)
        return process.poll()

    def _classify(self, process: SandboxProcess, stop: Stop | None, ending: ExitStatus) -> _Result:
        if process.is_out_of_memory() and (stop is None or stop.reason is JobReason.DISK_LIMIT):
            return _Result(JobReason.OUT_OF_MEMORY, ending)
        if stop is None and self._log.is_over_limit:
            return _Result(JobReason.LOG_LIMIT, ending)
        if stop is None and ending.exit_code and process.is_out_of_processes():
            return _Result(JobReason.PROCESS_LIMIT, ending)
        if stop is None and ending.reason is not None:
            return _Result(ending.reason, ending)
        if stop is None:
            return _Result(JobReason.ENGINE_ERROR if ending.failure else JobReason.EXIT_CODE, ending)
        return _Result(stop.reason, ExitStatus(exit_code=ending.exit_code))

    def _forward_output(self, process: SandboxProcess) -> None:
        """Wait briefly for output or the end, and append output to the log."""
        if self._log.is_blocked:
            self._log.flush()
        watched = [process.ended] if self._log.is_blocked else [process.output, process.ended]
        readable, _, _ = select.select(watched, [], [], POLL_SECONDS)
        if process.output in readable:
            chunk = os.read(process.output, CHUNK)
            self._log.write(chunk)
            if not chunk:
                # The command closed its output and goes on; without a pause this would be a busy loop.
                select.select([process.ended], [], [], POLL_SECONDS)

    def _drain(self, process: SandboxProcess) -> None:
        """Read the rest of what was printed, of which no more comes."""
        while not self._log.is_over_limit and select.select([process.output], [], [], POLL_SECONDS)[0]:
            chunk = os.read(process.output, CHUNK)
            if not chunk:
                return
            self._log.write(chunk)

    def _finish_log(self) -> None:
        """Wait while the disk is full, unless the job is cancelled or its lease has expired."""
        while self._log.is_blocked and not self._lease.has_passed() and not self._files.cancel.exists():
            self._sleep(POLL_SECONDS)
            self._log.flush()


def _end_of(log: Path) -> str:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - END_BYTES))
        return file.read(END_BYTES).decode(errors="replace")
    return ""
