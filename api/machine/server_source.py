"""A source of runs that claims them from the server, over HTTP."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait as wait_for
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from api.domain.runs.infrastructure import InfrastructureType
from api.domain.runs.machine import ClaimState
from api.domain.runs.worker_suite import SuiteTest
from api.machine.file_cache import FileCache, WrongContent
from api.machine.machine_client import MachineClient, Refused, ServerUnavailable, TokenRefused
from api.supervision.daemon_call import call_in_daemon_thread
from api.worker.reporter import Retries, RunClosed, ServerUnreachable
from api.worker.run_error import RunError, TestRunError
from api.worker.run_source import ClaimedRun, Pause, RunSourceUnavailable
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
        self._ends: dict[str, tuple[str | None, bool]] = {}

    def claim(self) -> ClaimedRun | None:
        """Claim the next run; None where none came in time, or the worker is to stop."""
        for claim, (failure, lost) in list(self._ends.items()):
            self._end(claim, failure, lost)
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
        return self._now(lambda: self._client.renew([claimed.claim], self._renew_timeout))[claimed.claim] == ClaimState.HELD

    def release(self, claimed: ClaimedRun, failure: str | None = None, *, lost: bool = False) -> None:
        """End the claim; what the server does not take now it is told before the next question for work."""
        self._ends[claimed.claim] = failure, lost
        self._end(claimed.claim, failure, lost)

    def _end(self, claim: str, failure: str | None, lost: bool) -> None:
        self._now(lambda: self._client.end(claim, failure, is_lost=lost))
        del self._ends[claim]

    def tests(self, claimed: ClaimedRun, pause: Pause) -> tuple[SuiteTest, ...]:
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
            why = "is not what its hash says" if isinstance(wrong, WrongContent) else "is not in the store"
            raise TestRunError(InfrastructureType.STORAGE, f"The sample of regression test {test.regression_id} {why}.") from wrong

    def _require_claim(self, claimed: ClaimedRun, pause: Pause) -> None:
        """Raise RunClosed where the run is another's, or over: its files are not found then, and that says nothing of them."""
        states = self._patiently(lambda: self._client.renew([claimed.claim], self._renew_timeout), pause)
        if states[claimed.claim] != ClaimState.HELD:
            raise RunClosed

    def fetch_executable(self, claimed: ClaimedRun, target: Path, pause: Pause) -> None:
        """Put the operator's executable of the run at `target`."""
        try:
            found = self._patiently(lambda: self._client.executable(claimed.claim), pause)
            if found["file"] is None:
                raise RunError(InfrastructureType(found["refusal"]["type"]), found["refusal"]["reason"])
            self._fetch(claimed, found["file"]["sha256"], target, pause)
        except Refused as gone:
            raise RunClosed from gone
        except WrongContent as wrong:
            raise RunError(InfrastructureType.STORAGE, "The executable was replaced while it was fetched.") from wrong

    def _fetch(self, claimed: ClaimedRun, sha256: str, target: Path, pause: Pause) -> None:
        self._patiently(lambda: self._cache.provide(sha256, target, partial(self._client.open, claimed.claim)), pause)

    def _patiently(self, ask: Callable[[], T], pause: Pause) -> T:
        """Ask until the server answers, for as long as reports are repeated. The token's file may just be written anew."""
        begun, wait = self._monotonic(), self._retries.first_pause
        while True:
            try:
                return ask()
            except (ServerUnavailable, TokenRefused) as away:
                if self._monotonic() - begun + wait > self._retries.timeout:
                    raise ServerUnreachable from away
                pause(wait)
                wait = min(wait * 2, self._retries.max_pause)

    @staticmethod
    def _now(ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (ServerUnavailable, Refused, TokenRefused) as failed:
            raise RunSourceUnavailable(str(failed)) from failed


def _claimed(work: Mapping[str, Any]) -> ClaimedRun:
    run = work["run"]
    return ClaimedRun(
        run["run_id"], run["report_token"], work["claim"], run["platform"], run["repository"], run["commit_sha"], run["branch"],
        run["pull_request"])
