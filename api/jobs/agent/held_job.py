"""A job that an agent has claimed, until the server has its result."""
from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from datetime import datetime
from enum import Enum

from api.domain.jobs.claimed_job import ClaimedJob
from api.jobs.files import AttemptFiles


class Phase(Enum):
    """The phase of a held job."""

    PREPARING = "preparing"
    RUNNING = "running"
    FINISHING = "finishing"
    DONE = "done"


class ClaimLost(Exception):
    """The agent has lost its claim on the job, or is stopping."""


class HeldJob:
    """A job with its files and its lease. The agent's loop renews and cancels it while a thread prepares or finishes it."""

    def __init__(self, job: ClaimedJob, files: AttemptFiles, lease_until: datetime, phase: Phase) -> None:
        self.job, self.files, self.phase = job, files, phase
        self._lease_until = lease_until
        self._lock = threading.Lock()
        # How much of the log the server has, None where that is unknown; one sends it at a time.
        self.shipping = threading.Lock()
        self.shipped: int | None = None
        self._is_prepared = phase is not Phase.PREPARING
        self._is_revoked = False
        self._is_cancelled = False
        self._supervisor: int | None = None

    @property
    def name(self) -> str:
        """The name of its workspace and of its sandboxes, unique on every host."""
        return f"{self.job.job_id}-{self.files.folder.name}"

    @property
    def lease_until(self) -> datetime:
        """Until when the claim holds, by this host's clock."""
        return self._lease_until

    @property
    def is_revoked(self) -> bool:
        """Whether the claim was revoked."""
        return self._is_revoked

    def prepare(self, spec: dict[str, object], now: datetime) -> None:
        """Write the supervisor's files. Raises ClaimLost where it must not be started any more."""
        with self._lock:
            if self._is_revoked or now >= self._lease_until:
                raise ClaimLost
            self.files.prepare(spec, self._lease_until)
            self._is_prepared = True
            if self._is_cancelled:
                self.files.ask_cancel()

    def extend(self, lease_until: datetime) -> None:
        """Pass a renewed lease to the supervisor. Raises OSError."""
        with self._lock:
            self._lease_until = lease_until
            if self._is_prepared:
                self.files.renew(lease_until)

    def cancel(self) -> None:
        """Ask the supervisor to cancel, now or once it starts. Raises OSError."""
        with self._lock:
            if not self._is_cancelled and self._is_prepared:
                self.files.ask_cancel()
            self._is_cancelled = True

    def revoke(self) -> None:
        """Kill the job, since it is no longer ours."""
        with self._lock:
            self._is_revoked = True
            if self._is_prepared:
                with suppress(OSError):
                    self.files.ask_cancel()
        supervisor = self.watch_supervisor() if self._is_prepared else None
        if supervisor is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(supervisor, signal.SIGKILL)

    def watch_supervisor(self) -> int | None:
        """A pidfd that becomes readable once the supervisor has ended; None where it has ended."""
        if self._supervisor is None:
            pid = self.files.supervisor_pid()
            with suppress(ProcessLookupError):
                self._supervisor = None if pid is None else os.pidfd_open(pid)
            # The process id may have been reused; while the lock is held, it is the supervisor's.
            if self._supervisor is not None and not self.files.is_supervised():
                self.unwatch_supervisor()
        return self._supervisor

    def unwatch_supervisor(self) -> None:
        """Close the pidfd."""
        if self._supervisor is not None:
            os.close(self._supervisor)
            self._supervisor = None
