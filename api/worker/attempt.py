"""One claimed run, executed and brought to an end that its server hears of."""
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
from api.worker.build_log import Journal
from api.worker.cancellation import Halt, Halted, Reason
from api.worker.full_disk import host_fault
from api.worker.options import WorkerOptions
from api.worker.process import RunProcess
from api.worker.reporter import Reporter, Retries, RunIsDead, ServerDiskFull, ServerUnreachable
from api.worker.run import RunExecution
from api.worker.run_error import Obstacle, WorkerGone
from api.worker.run_source import Claimed

log = logging.getLogger(__name__)

PAUSE_STEP = 0.05


@dataclass(frozen=True)
class Attempt:
    """The execution of a claimed run, with its collaborators."""

    claimed: Claimed
    options: WorkerOptions
    client: httpx.Client
    halt: Halt
    run_process: RunProcess
    now: Callable[[], datetime]

    def execute(self) -> None:
        """Execute the run and report how it ended; raise the Obstacle where that could not be reported.

        Raises WorkerGone where the run is to go back: it is then not reported as over.
        """
        try:
            self._execute()
        except OSError as fault:
            raise host_fault(fault) from fault

    def _execute(self) -> None:
        with workspace(self.options.folders.temporary, self.claimed.run_id) as folder:
            with Journal(folder / "build.log", self.now) as journal:
                with RunExecution(
                    self.claimed, self.options, self._reporter(), self.halt, journal, folder, run_process=self.run_process,
                    passing=self._speaking(replace(self.options.retries, patience=0, deferral=0), self.halt),
                ) as run:
                    self._bring_to_an_end(run, journal)

    def _bring_to_an_end(self, run: RunExecution, journal: Journal) -> None:
        try:
            conclusion = run.execute()
            journal.info(conclusion)
            self._end(run, self._reporter(), journal, conclusion)
        except RunIsDead:
            self._leave(run, journal, "The server takes no more reports of this run.")
        except Halted as halted:
            self._halted(run, journal, halted.reason)
        except WorkerGone:
            raise
        except ServerDiskFull as full:
            self._give_up(run, journal, full, self._last_reporter())
        except Obstacle as obstacle:
            self._give_up(run, journal, obstacle, self._reporter())
        except OSError as fault:
            self._give_up(run, journal, host_fault(fault), self._reporter())

    def _halted(self, run: RunExecution, journal: Journal, reason: Reason) -> None:
        if reason is Reason.WORKER_STOPPED:
            self._give_up(run, journal, Obstacle(InfrastructureType.WORKER, "The worker was stopped."), self._last_reporter())
        else:
            self._leave(run, journal, f"Stopped: {reason}.")

    def _give_up(self, run: RunExecution, journal: Journal, obstacle: Obstacle, reporter: Reporter) -> None:
        journal.error(obstacle.message)
        try:
            # Files are sent as far as there is room for them: the reason must arrive.
            for send in (lambda: run.send_artifacts(reporter), lambda: reporter.send_log(journal.path)):
                with suppress(ServerDiskFull):
                    send()
            reporter.progress("canceled", obstacle.message)
        except RunIsDead:
            log.info("run %d: was over already", self.claimed.run_id)
        except (ServerUnreachable, Halted) as unheard:
            raise obstacle from unheard

    def _leave(self, run: RunExecution, journal: Journal, why: str) -> None:
        """Send what a run that is over still takes, its log and artifacts, without insisting."""
        journal.warning(why)
        reporter = self._last_reporter()
        with suppress(RunIsDead, ServerUnreachable, ServerDiskFull):
            run.send_artifacts(reporter)
            reporter.send_log(journal.path)

    def _end(self, run: RunExecution, reporter: Reporter, journal: Journal, conclusion: str) -> None:
        run.send_artifacts(reporter)
        reporter.send_log(journal.path)
        reporter.progress("completed", conclusion)

    def _reporter(self) -> Reporter:
        return self._speaking(self.options.retries, self.halt)

    def _last_reporter(self) -> Reporter:
        """Return one that is not stopped by the halt that already stopped the run, and that gives up soon."""
        return self._speaking(replace(self.options.retries, patience=self.options.stop_patience, deferral=0), Halt(threading.Event()))

    def _speaking(self, retries: Retries, halt: Halt) -> Reporter:
        return Reporter(
            self.client, self.options.server, self.claimed.run_id, self.claimed.token,
            retries=retries, pause=lambda seconds: _pause(halt, seconds))


def _pause(halt: Halt, seconds: float) -> None:
    """Wait, and raise Halted as soon as there is a reason to stop."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        halt.check()
        time.sleep(min(PAUSE_STEP, left))
    halt.check()
