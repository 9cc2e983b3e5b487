"""Reports one run while it is executed: its results in batches, and its log as it grows."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from api.domain.runs.claimed_run import MAX_RESULT_LOG, MAX_RESULTS, RunProgress, TestResult
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import ClaimState
from api.host.growing_file import read_piece
from api.worker.cancellation import PAUSE_STEP, Cancellation, Cancelled, CancelReason
from api.worker.patience import Patience
from api.worker.run_error import RunError
from api.worker.run_source import ClaimedRun, ReportRefused, RunClosed, RunSource

# Results wait for so many others as the server takes at once, or so many seconds, and the log waits as long, unless the server asks
# for less: both can be followed while the run goes on.
INTERVAL = 2.0


class _Stopped(Exception):
    """The thread is to end."""


class Reporter:
    """The reports of one run. While this is entered, a thread sends what is new of results and log; the rest is sent at once.

    What that thread cannot send is raised by the next call; a run that is closed is cancelled.
    """

    def __init__(
        self, run_source: RunSource, claimed: ClaimedRun, log: Path, patience: Patience, cancellation: Cancellation, *,
        interval: float = INTERVAL,
    ) -> None:
        self._run_source, self._claimed, self._log, self._patience = run_source, claimed, log, patience
        self._cancellation, self._interval = cancellation, interval
        self._results: list[TestResult] = []
        self._sent_log, self._takes_log = 0, True
        self._failure: BaseException | None = None
        self._due, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._send_until_stopped, name=f"reports-{claimed.run_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread; what it has not sent is left for `send_results` and `send_log`."""
        self._stop.set()
        self._due.set()
        self._thread.join()

    def progress(self, progress: RunProgress) -> None:
        """Say how far the run is."""
        self._patience.ask(lambda: self._run_source.report_progress(self._claimed, progress))

    def add(self, result: TestResult, log: Path | None = None) -> None:
        """Have a result sent, and what the test printed, if it was executed. Raises what earlier ones could not be sent for."""
        if self._failure is not None:
            raise self._failure
        self._results.append(result if log is None else replace(result, log=self._short_log(result.regression_id, log)))
        if len(self._results) >= MAX_RESULTS:
            self._due.set()

    def send_output(self, regression_id: int, output_id: int, path: Path) -> bool:
        """Send an output that differs; whether it was taken."""
        return self._is_taken(self._patience, lambda: self._run_source.send_output(self._claimed, regression_id, output_id, path))

    def send_file(self, kind: str, path: Path, patience: Patience) -> bool:
        """Send a file of the run; whether it was taken."""
        return self._is_taken(patience, lambda: self._run_source.send_run_file(self._claimed, kind, path))

    def send_log(self, patience: Patience) -> None:
        """Send what there is more of the log. While this is entered, its thread does so."""
        while self._takes_log and (chunk := read_piece(self._log, self._sent_log)):
            try:
                self._sent_log, state = patience.ask(partial(self._run_source.append_log, self._claimed, self._sent_log, chunk))
            except ReportRefused:
                self._takes_log = False
            else:
                if state is not ClaimState.HELD:
                    self._cancellation.cancel(CancelReason.RUN_CLOSED)

    def send_results(self, patience: Patience) -> None:
        """Send the results that were not sent yet. While this is entered, its thread does so."""
        while batch := tuple(self._results[:MAX_RESULTS]):
            try:
                patience.ask(partial(self._run_source.report_results, self._claimed, batch))
            except ReportRefused as refused:
                raise RunError(InfrastructureCode.RESULTS_REFUSED, f"The server refused results: {refused}") from refused
            del self._results[:len(batch)]

    def _short_log(self, regression_id: int, path: Path) -> bytes | None:
        """What a test printed, if it may come with its result. It is sent at once if not: so it waits, too, while many results do."""
        with path.open("rb") as file:
            log = file.read(MAX_RESULT_LOG + 1)
        if len(log) <= MAX_RESULT_LOG and len(self._results) < MAX_RESULTS:
            return log
        self._is_taken(self._patience, lambda: self._run_source.send_test_log(self._claimed, regression_id, path))
        return None

    @staticmethod
    def _is_taken(patience: Patience, send: Callable[[], None]) -> bool:
        try:
            patience.ask(send)
        except ReportRefused:
            return False
        return True

    def _send_until_stopped(self) -> None:
        patience = replace(self._patience, pause=self._pause)
        while not self._stop.is_set():
            self._due.wait(max(self._interval, self._run_source.report_seconds))
            self._due.clear()
            try:
                if not self._stop.is_set():
                    self.send_results(patience)
                    self.send_log(patience)
            except (_Stopped, Cancelled):
                return
            except RunClosed:
                self._cancellation.cancel(CancelReason.RUN_CLOSED)
                return
            except (RunError, OSError) as failure:
                self._failure = failure
                return

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._cancellation.check_waiting()
            if self._stop.wait(min(PAUSE_STEP, left)):
                raise _Stopped
