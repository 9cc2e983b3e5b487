"""The interface of a source of runs."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class RunSourceUnavailable(Exception):
    """The source of runs is unavailable; try again later."""


@dataclass(frozen=True)
class ClaimedRun:
    """A run that this worker has claimed until its lease ends.

    `token` is the run's secret for reports; `lease` identifies the claim when it is renewed or released.
    `reports` are the regression tests whose output is what the program prints, which the suite's files do not say.
    """

    run_id: int
    token: str
    lease: str
    platform: str
    repository: str
    commit: str
    branch: str | None = None
    pull_request: int | None = None
    reports: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"ClaimedRun(run_id={self.run_id}, platform={self.platform!r}, repository={self.repository!r}, commit={self.commit!r})"


class RunSource(Protocol):
    """Hands out queued runs, each to one worker at a time. Every method may raise RunSourceUnavailable, having changed nothing."""

    def claim(self, platform: str) -> ClaimedRun | None:
        """Claim the next run in the platform's queue and put it into preparation; None where there is none."""

    def renew(self, claimed: ClaimedRun) -> bool:
        """Renew the lease; False when the run has finished or the claim is lost: the worker then stops it."""

    def release(self, claimed: ClaimedRun, failure: str | None = None, *, lost: bool = False) -> None:
        """Release the claim; idempotent, and without effect on a lost claim.

        `failure` is the reason, `[type] text`, of a run whose worker gave it up and could not report so: an unfinished run is canceled
        with it. `lost`: the worker was lost through no fault of the run, and a new run is queued in its place.
        """
