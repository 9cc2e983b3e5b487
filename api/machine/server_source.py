"""A source of runs that claims them from the server, over HTTP."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait as wait_for
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from api.domain.runs.claimed_run import RunEnd, RunProgress, TestResult
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.domain.runs.machine import ClaimState
from api.domain.runs.worker_suite import SuiteTest, UnusableTest
from api.machine.file_cache import FileCache, WrongContent
from api.machine.machine_client import MachineClient, NotThere, Refused, ServerUnavailable, TokenRefused
from api.supervision.daemon_call import call_in_daemon_thread
from api.worker.patience import Patience, Retries
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, Pause, ReportRefused, RunClosed, RunSourceUnavailable
from api.worker.suite import read_suite

T = TypeVar("T")

# How often it is looked whether the worker is to stop while a question lasts, in seconds.
STOP_INTERVAL = 0.2


class ServerRunSource:
    """RunSource on the server. A question for work lasts for up to `wait` seconds, and ends when `stop` is set.

    A renewal lasts for up to `renew_timeout` seconds, so that several fit into a lease.
    """

    def __init__(
        self, client: MachineClient, cache: FileCache, stop: threading.Event, retries: Retries, *, wait: int = 25,
        renew_timeout: float = 10, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._cache, self._stop, self._retries = client, cache, stop, retries
        self._wait, self._renew_timeout, self._monotonic, self._session = wait, renew_timeout, monotonic, str(uuid4())
        # Ends that the server has not taken yet: it would give again what it does not know to be over.
        self._ends: dict[str, RunEnd] = {}

    @property
    def report_seconds(self) -> float:
        """How long the server would have this machine wait between two reports of one kind."""
        return self._client.report_seconds

    def claim(self) -> ClaimedRun | None:
        """Claim the next run; None where none came in time, or the worker is to stop."""
        for claim, end in list(self._ends.items()):
            self._end(claim, end)
        asked = call_in_daemon_thread(lambda: self._client.claim(self._session, [], self._wait), "claim")
        while not asked.done() and not self._stop.is_set():
            wait_for([asked], STOP_INTERVAL)
        if not asked.done():
            return None
        if failed := asked.exception():
            raise RunSourceUnavailable(str(failed)) from failed
        work = asked.result()
        return _claimed(work) if work is not None else None

    def renew(self, claimed: ClaimedRun) -> bool:
        """Prolong the lease; False when the run is over, or the claim passed to another."""
        states, _ = self._now(lambda: self._client.renew([claimed.claim], self._renew_timeout))
        return states[claimed.claim] is ClaimState.HELD

    def end(self, claimed: ClaimedRun, end: RunEnd) -> None:
        """End the claim; what the server does not take now it is told before the next question for work."""
        self._ends[claimed.claim] = end
        self._end(claimed.claim, end)

    def _end(self, claim: str, end: RunEnd) -> None:
        self._now(lambda: self._client.end(claim, {"run": end.as_json()}))
        del self._ends[claim]

    def report_progress(self, claimed: ClaimedRun, progress: RunProgress) -> None:
        """Say how far the run is."""
        self._report(lambda: self._client.report_progress(claimed.claim, progress.as_json()))

    def report_results(self, claimed: ClaimedRun, results: Sequence[TestResult]) -> None:
        """Say what tests came to."""
        self._report(lambda: self._client.report_results(claimed.claim, [each.as_json() for each in results]))

    def send_output(self, claimed: ClaimedRun, regression_id: int, output_id: int, path: Path) -> None:
        """Send an output that differs from its baseline."""
        self._send(claimed, f"tests/{regression_id}/outputs/{output_id}", path)

    def send_test_log(self, claimed: ClaimedRun, regression_id: int, path: Path) -> None:
        """Send what a test printed."""
        self._send(claimed, f"tests/{regression_id}/log", path)

    def send_run_file(self, claimed: ClaimedRun, kind: str, path: Path) -> None:
        """Send a file of the run."""
        self._send(claimed, f"run-files/{kind}", path)

    def append_log(self, claimed: ClaimedRun, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        """Append to the run's log."""
        return self._report(lambda: self._client.append_log(claimed.claim, offset, chunk))

    def _send(self, claimed: ClaimedRun, place: str, path: Path) -> None:
        self._report(lambda: self._client.send_file(claimed.claim, place, path))

    @staticmethod
    def _report(send: Callable[[], T]) -> T:
        try:
            return send()
        except NotThere as gone:
            raise RunClosed from gone
        except ServerUnavailable as away:
            raise _unavailable(away) from away
        except TokenRefused as refused:
            # Somebody may give it another one in time.
            raise RunSourceUnavailable(str(refused)) from refused
        except Refused as refused:
            raise ReportRefused(str(refused)) from refused

    def tests(self, claimed: ClaimedRun, pause: Pause) -> tuple[SuiteTest | UnusableTest, ...]:
        """The run's regression tests."""
        try:
            return read_suite(self._patiently(lambda: self._client.tests(claimed.claim), pause))
        except Refused as gone:
            raise RunClosed from gone

    def fetch_sample(self, claimed: ClaimedRun, test: SuiteTest, target: Path, pause: Pause) -> None:
        """Put a test's sample at `target`."""
        try:
            self._fetch(claimed, test.sample_sha, target, pause)
        except (Refused, WrongContent) as wrong:
            self._require_claim(claimed, pause)
            code, why = (
                (InfrastructureCode.SAMPLE_DAMAGED, "is not what its hash says") if isinstance(wrong, WrongContent)
                else (InfrastructureCode.SAMPLE_MISSING, "is not in the store"))
            raise TestRunError(code, f"The sample of regression test {test.regression_id} {why}.") from wrong

    def _require_claim(self, claimed: ClaimedRun, pause: Pause) -> None:
        """Raise RunClosed where the run is another's, or over: its files are not found then, and that says nothing of them."""
        states, _ = self._patiently(lambda: self._client.renew([claimed.claim], self._renew_timeout), pause)
        if states[claimed.claim] is not ClaimState.HELD:
            raise RunClosed

    def fetch_executable(self, claimed: ClaimedRun, target: Path, pause: Pause) -> None:
        """Put the operator's executable of the run at `target`."""
        try:
            found = self._patiently(lambda: self._client.executable(claimed.claim), pause)
            if found["file"] is None:
                raise RunError(InfrastructureCode[found["error"]["code"]], found["error"]["message"])
            self._fetch(claimed, found["file"]["sha256"], target, pause)
        except Refused as gone:
            raise RunClosed from gone
        except WrongContent as wrong:
            raise RunError(InfrastructureCode.EXECUTABLE_REPLACED, "The executable was replaced while it was fetched.") from wrong

    def _fetch(self, claimed: ClaimedRun, sha256: str, target: Path, pause: Pause) -> None:
        self._patiently(lambda: self._cache.provide(sha256, target, partial(self._client.open, claimed.claim)), pause)

    def _patiently(self, ask: Callable[[], T], pause: Pause) -> T:
        """Ask until the server answers, for as long as reports are repeated. The token's file may just be written anew."""
        def once() -> T:
            try:
                return ask()
            except ServerUnavailable as away:
                raise _unavailable(away) from away
            except TokenRefused as refused:
                raise RunSourceUnavailable(str(refused)) from refused

        return Patience(self._retries, pause, self._monotonic).ask(once)

    @staticmethod
    def _now(ask: Callable[[], T]) -> T:
        try:
            return ask()
        except ServerUnavailable as away:
            raise _unavailable(away) from away
        except (Refused, TokenRefused) as failed:
            raise RunSourceUnavailable(str(failed)) from failed


def _unavailable(away: ServerUnavailable) -> RunSourceUnavailable:
    return RunSourceUnavailable(str(away), retry_after=away.retry_after, is_full=away.is_full)


def _claimed(work: Mapping[str, Any]) -> ClaimedRun:
    run = work["run"]
    return ClaimedRun(
        run["run_id"], work["claim"], run["platform"], run["repository"], run["commit_sha"], run["branch"],
        run["pull_request"], run["shard"], run["shards"])
