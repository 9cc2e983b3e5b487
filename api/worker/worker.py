"""The worker's main loop: claims runs and executes them, one at a time."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.domain.runs.claimed_run import RunEnd, RunOutcome
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.clock import utc_now
from api.host.temporary_folder import sweep
from api.log_context import bind_log_context
from api.supervision.supervision import Supervision
from api.worker.attempt import Attempt
from api.worker.cancellation import Cancellation, LeaseRenewer
from api.worker.options import WorkerOptions
from api.worker.programs.execution import RunProcess
from api.worker.programs.full_disk import has_room
from api.worker.run_error import RunError, WorkerLost
from api.worker.run_source import ClaimedRun, RunSource, RunSourceUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """A worker with its collaborators. Any number may share a queue."""

    options: WorkerOptions
    run_source: RunSource
    stop: threading.Event
    run_process: RunProcess
    now: Callable[[], datetime] = utc_now

    def work(self, *, until_idle: bool = False) -> int:
        """Execute runs until `stop` is set, or, `until_idle`, until none is waiting; return how many. No exception ends it."""
        supervision = Supervision("worker", first_pause=self.options.poll_seconds)
        executed, is_swept = 0, False
        while not self.stop.is_set():
            claimed: ClaimedRun | None = None
            with supervision.attempt():
                if not is_swept:
                    is_swept = True
                    self._sweep()
                claimed = self._next() if executed == 0 or self._has_room() else None
                if claimed is not None:
                    executed += 1
                    self._serve(claimed)
            if claimed is None and until_idle:
                break
            self.stop.wait(supervision.pause)
        return executed

    def _sweep(self) -> None:
        removed = sweep(self.options.temporary)
        if removed:
            log.info("removed %d folders of dead workers", removed)

    def _has_room(self) -> bool:
        """Whether the disk has room for another run; the first run is claimed anyway, so that it reports a full disk."""
        if has_room(self.options.temporary):
            return True
        log.error("the worker's disk is full; taking no run")
        self.stop.wait(self.options.poll_seconds)
        return False

    def _next(self) -> ClaimedRun | None:
        try:
            return self.run_source.claim()
        except RunSourceUnavailable as why:
            log.warning("the queue does not answer; trying again: %s", why)
            self.stop.wait(self.options.poll_seconds)
            return None

    def _serve(self, claimed: ClaimedRun) -> None:
        with bind_log_context(run_id=claimed.run_id):
            self._execute(claimed)

    def _execute(self, claimed: ClaimedRun) -> None:
        cancellation = Cancellation(self.stop, self.options.run_seconds)
        log.info("run %d: claimed", claimed.run_id)
        with LeaseRenewer(self.run_source, claimed, cancellation, interval=self.options.renew_seconds, timeout=self.options.lease_timeout):
            try:
                Attempt(claimed, self.run_source, self.options, cancellation, self.run_process, self.now).execute()
                return
            except RunError as run_error:
                undelivered = run_error
            except Exception:  # The crash handler: a bug of the worker ends one run, never the worker.
                log.exception("run %d: the worker failed", claimed.run_id)
                undelivered = RunError(InfrastructureCode.WORKER_FAILED, "The worker failed; its log has the details.")
        self._end(claimed, undelivered)

    def _end(self, claimed: ClaimedRun, run_error: RunError) -> None:
        outcome = RunOutcome.LOST if isinstance(run_error, WorkerLost) else RunOutcome.GAVE_UP
        try:
            self.run_source.end(claimed, RunEnd(outcome, run_error.reported))
            log.info("run %d: %s", claimed.run_id, run_error.message)
        except RunSourceUnavailable:
            log.warning("run %d: its end could not be told; its lease ends by itself", claimed.run_id)
