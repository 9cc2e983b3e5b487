"""Executes one claimed run, and reports its end to the server."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from api.domain.runs.infrastructure import InfrastructureType
from api.host.temporary_folder import run_folder
from api.worker.cancellation import Cancellation, Cancelled, CancelReason
from api.worker.options import WorkerOptions
from api.worker.programs.full_disk import host_error
from api.worker.programs.process import RunProcess
from api.worker.reporter import Reporter, Retries, RunClosed, ServerDiskFull, ServerUnreachable
from api.worker.run import RunExecution
from api.worker.run_error import RunError, WorkerLost
from api.worker.run_source import ClaimedRun, RunSource
from api.worker.sources.build_log import BuildLog

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """The execution of a claimed run, with its collaborators."""

    claimed: ClaimedRun
    run_source: RunSource
    options: WorkerOptions
    client: httpx.Client
    cancellation: Cancellation
    run_process: RunProcess
    now: Callable[[], datetime]

    def execute(self) -> None:
        """Execute the run and report its end; raise the RunError where that could not be reported.

        Raises WorkerLost where the run is to be queued again: its end is then not reported.
        """
        try:
            self._execute()
        except OSError as fault:
            raise host_error(fault) from fault

    def _execute(self) -> None:
        with run_folder(self.options.temporary, self.claimed.run_id) as folder:
            with BuildLog(folder / "build.log", self.now) as build_log:
                with RunExecution(
                    self.claimed, self.run_source, self.options, self._reporter(), self.cancellation, build_log, folder,
                    run_process=self.run_process,
                    best_effort=self._make_reporter(replace(self.options.retries, timeout=0, deferral=0), self.cancellation),
                ) as run:
                    self._finish(run, build_log)

    def _finish(self, run: RunExecution, build_log: BuildLog) -> None:
        try:
            conclusion = run.execute()
            build_log.info(conclusion)
            self._complete(run, self._reporter(), build_log, conclusion)
        except RunClosed:
            self._abandon(run, build_log, "The server takes no more reports of this run.")
        except Cancelled as cancelled:
            self._handle_cancellation(run, build_log, cancelled.reason)
        except WorkerLost:
            raise
        except ServerDiskFull as full:
            self._give_up(run, build_log, full, self._final_reporter())
        except RunError as run_error:
            self._give_up(run, build_log, run_error, self._reporter())
        except OSError as fault:
            self._give_up(run, build_log, host_error(fault), self._reporter())

    def _handle_cancellation(self, run: RunExecution, build_log: BuildLog, reason: CancelReason) -> None:
        if reason is CancelReason.WORKER_STOPPED:
            self._give_up(run, build_log, RunError(InfrastructureType.WORKER, "The worker was stopped."), self._final_reporter())
        elif reason is CancelReason.TIME_LIMIT:
            why = f"The run was ended at the time limit of {self.options.run_seconds:g} seconds."
            self._give_up(run, build_log, RunError(InfrastructureType.WORKER, why), self._final_reporter())
        else:
            self._abandon(run, build_log, f"Stopped: {reason}.")
            if reason is CancelReason.LEASE_LOST:
                # The server may hold the claim still, and would wait for a run that nobody executes.
                raise WorkerLost(InfrastructureType.WORKER, "The worker was lost: it could not renew its lease.")

    def _give_up(self, run: RunExecution, build_log: BuildLog, run_error: RunError, reporter: Reporter) -> None:
        build_log.error(run_error.message)
        try:
            # A full disk must not keep the reason from being reported.
            for send in (lambda: run.send_artifacts(reporter), lambda: reporter.send_log(build_log.path)):
                with suppress(ServerDiskFull):
                    send()
            reporter.progress("canceled", run_error.message)
        except RunClosed:
            log.info("run %d: had finished already", self.claimed.run_id)
        except (ServerUnreachable, Cancelled) as undelivered:
            raise run_error from undelivered

    def _abandon(self, run: RunExecution, build_log: BuildLog, why: str) -> None:
        """Send the log and artifacts of a finished run, without retries."""
        build_log.warning(why)
        reporter = self._final_reporter()
        with suppress(RunClosed, ServerUnreachable, ServerDiskFull):
            run.send_artifacts(reporter)
            reporter.send_log(build_log.path)

    def _complete(self, run: RunExecution, reporter: Reporter, build_log: BuildLog, conclusion: str) -> None:
        run.send_artifacts(reporter)
        reporter.send_log(build_log.path)
        reporter.progress("completed", conclusion)

    def _reporter(self) -> Reporter:
        return self._make_reporter(self.options.retries, self.cancellation)

    def _final_reporter(self) -> Reporter:
        """Return a reporter that ignores the run's cancellation and gives up soon."""
        retries = replace(self.options.retries, timeout=self.options.stop_timeout, deferral=0)
        return self._make_reporter(retries, Cancellation(threading.Event()))

    def _make_reporter(self, retries: Retries, cancellation: Cancellation) -> Reporter:
        return Reporter(
            self.client, self.options.server, self.claimed.run_id, self.claimed.token,
            retries=retries, pause=cancellation.pause)
