"""The interface of a source of runs."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.domain.runs.worker_suite import SuiteTest

# Waits for so many seconds, and raises Cancelled as soon as there is a reason to stop.
Pause = Callable[[float], None]


class RunSourceUnavailable(Exception):
    """The source of runs is unavailable; try again later."""


@dataclass(frozen=True)
class ClaimedRun:
    """A run that this worker has claimed until its lease ends. `claim` is the claim's name, and `token` the run's secret for reports."""

    run_id: int
    token: str
    claim: str
    platform: str
    repository: str
    commit: str
    branch: str | None = None
    pull_request: int | None = None

    def __repr__(self) -> str:
        return f"ClaimedRun(run_id={self.run_id}, platform={self.platform!r}, repository={self.repository!r}, commit={self.commit!r})"


class RunSource(Protocol):
    """Hands out queued runs, each to one worker at a time, and the files that they need.

    `claim`, `renew` and `release` may raise RunSourceUnavailable, having changed nothing. The others wait where the source is
    unavailable, and raise WorkerLost once that lasts too long; RunClosed if the claim is lost.
    """

    def claim(self) -> ClaimedRun | None:
        """Claim the next run, waiting a while for one; None where there is none, or the worker is to stop."""

    def renew(self, claimed: ClaimedRun) -> bool:
        """Renew the lease; False when the run has finished or the claim is lost: the worker then stops it."""

    def release(self, claimed: ClaimedRun, failure: str | None = None, *, lost: bool = False) -> None:
        """Release the claim; idempotent, and without effect on a lost claim.

        `failure` is the reason, `[type] text`, of a run whose worker gave it up and could not report so: an unfinished run is canceled
        with it. `lost`: the worker was lost through no fault of the run, and a new run is queued in its place.
        """

    def tests(self, claimed: ClaimedRun, pause: Pause) -> tuple[SuiteTest, ...]:
        """The run's regression tests. Raises SuiteError for what a worker may not act on."""

    def fetch_sample(self, claimed: ClaimedRun, test: SuiteTest, target: Path, pause: Pause) -> None:
        """Put a test's sample at `target`. Raises TestRunError where there is none."""

    def fetch_executable(self, claimed: ClaimedRun, target: Path, pause: Pause) -> None:
        """Put the operator's executable of the run at `target`. Raises RunError where there is none."""
