"""Executes one claimed run, and reports its end to the server."""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from api.domain.runs.infrastructure import InfrastructureType
from api.host.temporary_folder import workspace
from api.worker.build_log import BuildLog
from api.worker.cancellation import Cancellation, Cancelled, Reason
from api.worker.full_disk import host_fault
from api.worker.options import WorkerOptions
from api.worker.process import RunProcess
from api.worker.reporter import Reporter, Retries, RunIsDead, ServerDiskFull, ServerUnreachable
from api.worker.run import RunExecution
from api.worker.run_error import RunError, WorkerGone
from api.worker.run_source import Claimed

log = logging.getLogger(__name__)

PAUSE_STEP = 0.05


@dataclass(frozen=True)
class Attempt:
    """The execution of a claimed run, with its collaborators."""

    claimed: Claimed
    options: WorkerOptions
    client: httpx.Client
    cancellation: Cancellation
    run_process: RunProcess
    now: Callable[[], datetime]

    def execute(self) -> None:
        """Execute the run and report how it ended; raise the RunError where that could not be reported.

        Raises WorkerGone where the run is to go back: it is then not reported as over.
        """
        try:
            self._execute()
        except OSError as fault:
            raise host_fault(fault) from fault

    def _execute(self) -> None:
        with workspace(self.options.folders.temporary, self.claimed.run_id) as folder:
            with BuildLog(folder / "build.log", self.now) as build_log:
                with RunExecution(
                    self.claimed, self.options, self._reporter(), self.cancellation, build_log, folder, run_process=self.run_process,
                    passing=self._speaking(replace(self.options.retries, timeout=0, deferral=0), self.cancellation),
                ) as run:
                    self._finish(run, build_log)

    def _finish(self, run: RunExecution, build_log: BuildLog) -> None:
        try:
            conclusion = run.execute()
            build_log.info(conclusion)
            self._end(run, self._reporter(), build_log, conclusion)
        except RunIsDead:
            self._leave(run, build_log, "The server takes no more reports of this run.")
        except Cancelled as halted:
            self._halted(run, build_log, halted.reason)
        except WorkerGone:
            raise
        except ServerDiskFull as full:
            self._give_up(run, build_log, full, self._last_reporter())
        except RunError as run_error:
            self._give_up(run, build_log, run_error, self._reporter())
        except OSError as fault:
            self._give_up(run, build_log, host_fault(fault), self._reporter())

    def _halted(self, run: RunExecution, build_log: BuildLog, reason: Reason) -> None:
        if reason is Reason.WORKER_STOPPED:
            self._give_up(run, build_log, RunError(InfrastructureType.WORKER, "The worker was stopped."), self._last_reporter())
        else:
            self._leave(run, build_log, f"Stopped: {reason}.")

    def _give_up(self, run: RunExecution, build_log: BuildLog, run_error: RunError, reporter: Reporter) -> None:
        build_log.error(run_error.message)
        try:
            # Files are sent as far as there is room for them: the reason must arrive.
            for send in (lambda: run.send_artifacts(reporter), lambda: reporter.send_log(build_log.path)):
                with suppress(ServerDiskFull):
                    send()
            reporter.progress("canceled", run_error.message)
        except RunIsDead:
            log.info("run %d: was over already", self.claimed.run_id)
        except (ServerUnreachable, Cancelled) as unheard:
            raise run_error from unheard

    def _leave(self, run: RunExecution, build_log: BuildLog, why: str) -> None:
        """Send what a run that is over still takes, its log and artifacts, without insisting."""
        build_log.warning(why)
        reporter = self._last_reporter()
        with suppress(RunIsDead, ServerUnreachable, ServerDiskFull):
            run.send_artifacts(reporter)
            reporter.send_log(build_log.path)

    def _end(self, run: RunExecution, reporter: Reporter, build_log: BuildLog, conclusion: str) -> None:
        run.send_artifacts(reporter)
        reporter.send_log(build_log.path)
        reporter.progress("completed", conclusion)

    def _reporter(self) -> Reporter:
        return self._speaking(self.options.retries, self.cancellation)

    def _last_reporter(self) -> Reporter:
        """Return one that is not stopped by the halt that already stopped the run, and that gives up soon."""
        return self._speaking(replace(self.options.retries, timeout=self.options.stop_timeout, deferral=0), Cancellation(threading.Event()))

    def _speaking(self, retries: Retries, cancellation: Cancellation) -> Reporter:
        return Reporter(
            self.client, self.options.server, self.claimed.run_id, self.claimed.token,
            retries=retries, pause=lambda seconds: _pause(cancellation, seconds))


def _pause(cancellation: Cancellation, seconds: float) -> None:
    """Wait, and raise Cancelled as soon as there is a reason to stop."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        cancellation.check()
        time.sleep(min(PAUSE_STEP, left))
    cancellation.check()
