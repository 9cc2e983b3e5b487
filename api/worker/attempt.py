"""Executes one claimed run, and reports its end to the server."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from api.domain.runs.claimed_run import RunEnd, RunOutcome
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.temporary_folder import run_folder
from api.worker.cancellation import Cancellation, Cancelled, CancelReason
from api.worker.options import WorkerOptions
from api.worker.patience import Patience, ServerDiskFull, ServerUnreachable
from api.worker.programs.execution import RunProcess
from api.worker.programs.full_disk import host_error
from api.worker.reporter import Reporter
from api.worker.run import RunExecution
from api.worker.run_error import RunError, WorkerLost
from api.worker.run_source import ClaimedRun, RunClosed, RunSource
from api.worker.sources.build_log import BuildLog

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """The execution of a claimed run, with its collaborators."""

    claimed: ClaimedRun
    run_source: RunSource
    options: WorkerOptions
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
        with run_folder(self.options.temporary, self.claimed.run_id) as folder, BuildLog(folder / "build.log", self.now) as build_log:
            with Reporter(self.run_source, self.claimed, build_log.path, self._patience, self.cancellation) as reporter:
                with RunExecution(
                    self.claimed, self.run_source, self.options, reporter, self.cancellation, build_log, folder,
                    run_process=self.run_process,
                ) as run:
                    self._finish(run, build_log, reporter)

    def _finish(self, run: RunExecution, build_log: BuildLog, reporter: Reporter) -> None:
        try:
            build_log.info(run.execute())
            self._complete(run, reporter)
        except RunClosed:
            closed = RunError(InfrastructureCode.RUN_CLOSED, "The server takes no more reports of this run.")
            self._abandon(run, build_log, reporter, closed)
        except Cancelled as cancelled:
            self._handle_cancellation(run, build_log, reporter, cancelled.reason)
        except WorkerLost:
            raise
        except ServerDiskFull as full:
            self._give_up(run, build_log, reporter, full, self._last_patience)
        except RunError as run_error:
            self._give_up(run, build_log, reporter, run_error, self._patience)
        except OSError as fault:
            self._give_up(run, build_log, reporter, host_error(fault), self._patience)

    def _handle_cancellation(self, run: RunExecution, build_log: BuildLog, reporter: Reporter, reason: CancelReason) -> None:
        if reason is CancelReason.WORKER_STOPPED:
            why = RunError(InfrastructureCode.WORKER_STOPPED, "The worker was stopped.")
        elif reason is CancelReason.TIME_LIMIT:
            seconds = self.options.run_seconds
            why = RunError(InfrastructureCode.RUN_TIME_LIMIT, f"The run was ended at the time limit of {seconds:g} seconds.")
        elif reason is CancelReason.LEASE_LOST:
            # The server may hold the claim still, and would wait for a run that nobody executes.
            raise WorkerLost(InfrastructureCode.LEASE_LOST, "The worker was lost: it could not renew its lease.")
        else:
            self._abandon(run, build_log, reporter, RunError(InfrastructureCode.RUN_CLOSED, f"Stopped: {reason}."))
            return
        self._give_up(run, build_log, reporter, why, self._last_patience)

    def _give_up(
        self, run: RunExecution, build_log: BuildLog, reporter: Reporter, run_error: RunError, patience: Patience,
    ) -> None:
        build_log.error(run_error.message)
        reporter.stop()
        try:
            # A full disk must not keep the reason from being reported.
            for send in (run.send_artifacts, reporter.send_log, reporter.send_results):
                with suppress(ServerDiskFull):
                    send(patience)
            self._end(RunEnd(RunOutcome.GAVE_UP, run_error.reported), patience)
            log.info("run %d: %s", self.claimed.run_id, run_error.message)
        except RunClosed:
            log.info("run %d: had finished already", self.claimed.run_id)
        except (ServerUnreachable, Cancelled) as undelivered:
            raise run_error from undelivered

    def _abandon(self, run: RunExecution, build_log: BuildLog, reporter: Reporter, why: RunError) -> None:
        """Send the log and artifacts of a run that is over, and leave it: its end stays. Of a claim that is lost nothing is taken."""
        build_log.warning(why.reason)
        reporter.stop()
        with suppress(RunClosed, ServerUnreachable, ServerDiskFull):
            run.send_artifacts(self._last_patience)
            reporter.send_log(self._last_patience)
            self._end(RunEnd(RunOutcome.GAVE_UP, why.reported), self._last_patience)
        log.info("run %d: left: %s", self.claimed.run_id, why.reason)

    def _complete(self, run: RunExecution, reporter: Reporter) -> None:
        reporter.stop()
        run.send_artifacts(self._patience)
        reporter.send_results(self._patience)
        reporter.send_log(self._patience)
        self._end(RunEnd(RunOutcome.COMPLETED), self._patience)
        log.info("run %d: left", self.claimed.run_id)

    def _end(self, end: RunEnd, patience: Patience) -> None:
        patience.ask(lambda: self.run_source.end(self.claimed, end))

    @property
    def _patience(self) -> Patience:
        return Patience(self.options.retries, self.cancellation.pause)

    @property
    def _last_patience(self) -> Patience:
        """What is not stopped by the run's cancellation, and gives up soon."""
        retries = replace(self.options.retries, timeout=self.options.stop_timeout, deferral=0)
        return Patience(retries, Cancellation(threading.Event()).pause)
