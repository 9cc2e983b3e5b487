"""The worker's main loop: claims queued runs of its platform and executes them, one at a time."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from api.domain.runs.infrastructure import InfrastructureType
from api.host.temporary_folder import sweep
from api.log_context import bind_log_context
from api.supervision.supervision import Supervision
from api.worker.attempt import Attempt
from api.worker.cancellation import Cancellation, LeaseRenewer
from api.worker.full_disk import has_room
from api.worker.options import WorkerOptions
from api.worker.process import RunProcess, run_process
from api.worker.run_error import RunError, WorkerLost
from api.worker.run_source import ClaimedRun, RunSource, RunSourceUnavailable

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(30, read=120, write=120)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Worker:
    """A worker with its collaborators. Any number may share a queue."""

    options: WorkerOptions
    run_source: RunSource
    client: httpx.Client
    stop: threading.Event
    run_process: RunProcess = run_process
    now: Callable[[], datetime] = _utc_now

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
            if claimed is None or supervision.pause:
                self.stop.wait(supervision.pause or self.options.poll_seconds)
        return executed

    def _sweep(self) -> None:
        removed = sweep(self.options.folders.temporary)
        if removed:
            log.info("removed %d folders of dead workers", removed)

    def _has_room(self) -> bool:
        """Whether the disk has room for another run; the first run is claimed anyway, so that it reports a full disk."""
        if has_room(self.options.folders.temporary):
            return True
        log.error("the worker's disk is full; taking no run")
        return False

    def _next(self) -> ClaimedRun | None:
        if not self._is_open():
            return None
        try:
            return self.run_source.claim(self.options.platform)
        except RunSourceUnavailable:
            log.warning("the queue does not answer; trying again")
            return None

    def _is_open(self) -> bool:
        """Whether the server answers and the platform is not under maintenance."""
        try:
            response = self.client.get(f"{self.options.server}/maintenance-mode/{self.options.platform}")
        except httpx.TransportError:
            log.warning("the server does not answer; taking no run")
            return False
        return response.is_success and response.text.strip() == "False"

    def _serve(self, claimed: ClaimedRun) -> None:
        with bind_log_context(run_id=claimed.run_id):
            self._execute(claimed)

    def _execute(self, claimed: ClaimedRun) -> None:
        cancellation = Cancellation(self.stop, self.options.run_seconds)
        failure: RunError | None = None
        log.info("run %d: claimed", claimed.run_id)
        with LeaseRenewer(self.run_source, claimed, cancellation, interval=self.options.renew_seconds, timeout=self.options.lease_timeout):
            try:
                Attempt(claimed, self.options, self.client, cancellation, self.run_process, self.now).execute()
            except RunError as run_error:
                failure = run_error
            except Exception:  # The crash handler: a bug of the worker ends one run, never the worker.
                log.exception("run %d: the worker failed", claimed.run_id)
                failure = RunError(InfrastructureType.WORKER, "The worker failed; its log has the details.")
        self._release(claimed, failure)

    def _release(self, claimed: ClaimedRun, run_error: RunError | None) -> None:
        failure = None if run_error is None else run_error.message
        try:
            self.run_source.release(claimed, failure, lost=isinstance(run_error, WorkerLost))
            log.info("run %d: %s", claimed.run_id, failure or "left")
        except RunSourceUnavailable:
            log.warning("run %d: could not be released; its lease ends by itself", claimed.run_id)


def work(
    options: WorkerOptions, run_source: RunSource, *, stop: threading.Event, until_idle: bool = False,
    run_process: RunProcess = run_process,
) -> int:
    """Work on the queue until `stop` is set, and return how many runs were taken; the entry point of `ci-api worker`.

    Proxies of the environment are not used: reports carry a secret, and go to the configured server alone.
    """
    # These libraries log each request with its URL, which holds the run's token.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client:
        return Worker(options, run_source, client, stop, run_process).work(until_idle=until_idle)


def default_temporary(root: Path) -> Path:
    """Return the default folder for runs: the worker's own, below the store's."""
    return root / "TempFiles" / "worker"
