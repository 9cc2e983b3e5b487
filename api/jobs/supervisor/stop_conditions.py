"""Why a running step must end: a cancel, a lost lease, or a limit."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from api.domain.jobs.job import JobReason
from api.host.folder_size import is_larger
from api.jobs.files import AttemptFiles
from api.jobs.supervisor.attempt_log import AttemptLog
from api.sandbox.limits import Limits
from api.sandbox.sandbox import SandboxProcess

WORKSPACE_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a step must end. `gracefully`: it gets SIGTERM first. `message` goes into the log."""

    reason: JobReason
    gracefully: bool = False
    message: str = ""


class Lease:
    """The lease of the claim; its file is read again only when the time last read has come."""

    def __init__(self, files: AttemptFiles, now: Callable[[], datetime]) -> None:
        self._files, self._now = files, now
        self._until = files.lease_until()

    def has_passed(self) -> bool:
        """Whether the lease has expired. An attempt without a lease has none to lose."""
        if self._until is None or self._now() < self._until:
            return False
        self._until = self._files.lease_until()
        return self._until is not None and self._now() >= self._until


class StepWatch:
    """Checks the conditions that end a running step. Each of the folders may grow to the workspace's size."""

    def __init__(
        self, files: AttemptFiles, lease: Lease, limits: Limits, log: AttemptLog, process: SandboxProcess, folders: Sequence[Path],
        monotonic: Callable[[], float],
    ) -> None:
        self._files, self._lease, self._limits, self._log, self._process = files, lease, limits, log, process
        self._folders, self._monotonic = folders, monotonic
        self._deadline: float | None = None
        self._next_poll = 0.0

    def check(self) -> Stop | None:
        """Why the step must end now, the gravest reason first; None if it need not."""
        if self._lease.has_passed():
            return Stop(JobReason.LOST)
        if self._log.is_over_limit:
            return Stop(JobReason.LOG_LIMIT)
        if self._process.is_out_of_memory():
            return Stop(JobReason.OUT_OF_MEMORY)
        if self._files.cancel.exists():
            return Stop(JobReason.CANCELLED, gracefully=True)
        if self._is_late():
            return Stop(JobReason.TIMEOUT, gracefully=True)
        if self._is_workspace_full():
            message = f"The workspace has more than {self._limits.workspace_bytes} bytes; the job was ended."
            return Stop(JobReason.DISK_LIMIT, message=message)
        return None

    def _is_late(self) -> bool:
        if self._deadline is None and (age := self._process.age) is not None:
            self._deadline = self._monotonic() + self._limits.seconds - age
        return self._deadline is not None and self._monotonic() >= self._deadline

    def _is_workspace_full(self) -> bool:
        if not self._folders or self._monotonic() < self._next_poll:
            return False
        over = any(is_larger(folder, self._limits.workspace_bytes) for folder in self._folders)
        self._next_poll = self._monotonic() + WORKSPACE_POLL_SECONDS
        return over
