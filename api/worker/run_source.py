"""The interface of a source of runs."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.domain.runs.claimed_run import RunEnd, RunProgress, TestResult
from api.domain.runs.machine import ClaimState
from api.domain.runs.worker_suite import SuiteTest, UnusableTest

# Waits for so many seconds, and raises Cancelled as soon as there is a reason to stop.
Pause = Callable[[float], None]


class RunSourceUnavailable(Exception):
    """The source of runs is unavailable; try again later: after `retry_after` seconds, where it says so. `is_full`: its disk is full."""

    def __init__(self, why: str = "", *, retry_after: float | None = None, is_full: bool = False) -> None:
        super().__init__(why)
        self.retry_after, self.is_full = retry_after, is_full


class RunClosed(Exception):
    """The run is over, or its claim is lost: nothing more is taken of it."""


class ReportRefused(Exception):
    """The source will not take this, whenever it is sent."""


@dataclass(frozen=True)
class ClaimedRun:
    """A shard of a run, counted from 0, that this worker has claimed until its lease ends. `claim` is the claim's name."""

    run_id: int
    claim: str
    platform: str
    repository: str
    commit: str
    branch: str | None = None
    pull_request: int | None = None
    shard: int = 0
    shards: int = 1


class RunSource(Protocol):
    """Hands out queued runs, each to one worker at a time, and the files that they need; takes what is reported of them.

    `tests` and what fetches wait where the source is unavailable, and raise WorkerLost once that lasts too long; the others raise
    RunSourceUnavailable then. All but the first three raise RunClosed if the claim is lost. What is reported may be repeated.
    """

    @property
    def report_seconds(self) -> float:
        """How long the source would have a worker wait between two reports of one kind: renewals, results, and logs."""

    def claim(self) -> ClaimedRun | None:
        """Claim the next run, waiting a while for one; None where there is none, or the worker is to stop."""

    def renew(self, claimed: ClaimedRun) -> bool:
        """Renew the lease; False when the run has finished or the claim is lost: the worker then stops it."""

    def end(self, claimed: ClaimedRun, end: RunEnd) -> None:
        """End the claim, and the run with it; idempotent, and without effect on a lost claim."""

    def tests(self, claimed: ClaimedRun, pause: Pause) -> tuple[SuiteTest | UnusableTest, ...]:
        """The run's regression tests."""

    def fetch_sample(self, claimed: ClaimedRun, test: SuiteTest, target: Path, pause: Pause) -> None:
        """Put a test's sample at `target`. Raises TestRunError where there is none."""

    def fetch_executable(self, claimed: ClaimedRun, target: Path, pause: Pause) -> None:
        """Put the operator's executable of the run at `target`. Raises RunError where there is none."""

    def report_progress(self, claimed: ClaimedRun, progress: RunProgress) -> None:
        """Say how far the run is."""

    def report_results(self, claimed: ClaimedRun, results: Sequence[TestResult]) -> None:
        """Say what tests came to, up to MAX_RESULTS. Raises ReportRefused."""

    def send_output(self, claimed: ClaimedRun, regression_id: int, output_id: int, path: Path) -> None:
        """Send an output that differs from its baseline. Raises ReportRefused."""

    def send_test_log(self, claimed: ClaimedRun, regression_id: int, path: Path) -> None:
        """Send what a test printed. Raises ReportRefused."""

    def send_run_file(self, claimed: ClaimedRun, kind: str, path: Path) -> None:
        """Send a file of the run (ArtifactKind). Raises ReportRefused."""

    def append_log(self, claimed: ClaimedRun, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        """Append to the run's log; how long it is then, whatever was sent, and how the claim stands. Raises ReportRefused."""
