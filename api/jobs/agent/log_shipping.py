"""Sends the logs of running jobs to the server while they grow."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from api.domain.runs.machine import ClaimState
from api.host.growing_file import read_piece
from api.jobs.agent.held_job import HeldJob
from api.jobs.agent.job_repository import ClaimPassed, JobRepository, RepositoryUnavailable
from api.supervision.supervision import Supervision, is_exit

INTERVAL = 0.05
OUTAGE_PAUSE = 1.0


class LogShipper:
    """Sends what supervisors append. What was sent once may be sent again: the server skips what it has."""

    def __init__(self, repository: JobRepository) -> None:
        self._repository = repository

    def open(self, held: HeldJob) -> None:
        """Open the log at the server, before anything of the job is run. Raises ClaimPassed, RepositoryUnavailable."""
        with held.shipping:
            held.shipped, _ = self._repository.append_log(held.job, 0, b"")

    def ship(self, held: HeldJob) -> int:
        """Send all that is there; how long the log is. Raises ClaimPassed, RepositoryUnavailable, and OSError."""
        with held.shipping:
            if held.shipped is None:
                # A process before this one sent something; nobody knows how much came.
                held.shipped, _ = self._repository.append_log(held.job, _size(held), b"")
            while chunk := read_piece(held.files.log, held.shipped):
                held.shipped, state = self._repository.append_log(held.job, held.shipped, chunk)
                if state is ClaimState.CANCELLED:
                    held.cancel()
            return held.shipped

    def run(self, running: Callable[[], Sequence[HeldJob]], stopping: threading.Event) -> None:
        """Ship the logs of all that run, until the agent stops."""
        supervision = Supervision("agent: logs")
        while not stopping.is_set():
            begun = time.monotonic()
            pause = max(INTERVAL, self._repository.report_seconds)
            for held in running():
                try:
                    with supervision.attempt(is_exit=_is_known):
                        self.ship(held)
                except ClaimPassed:
                    continue
                except RepositoryUnavailable:
                    pause = OUTAGE_PAUSE
                    break
            # The server has its other work too: between two rounds is at least as much time as one takes.
            stopping.wait(max(pause, supervision.pause, time.monotonic() - begun))


def _is_known(raised: BaseException) -> bool:
    """The loop, which renews claims, says what these mean."""
    return isinstance(raised, ClaimPassed | RepositoryUnavailable) or is_exit(raised)


def _size(held: HeldJob) -> int:
    try:
        return held.files.log.stat().st_size
    except FileNotFoundError:
        return 0
