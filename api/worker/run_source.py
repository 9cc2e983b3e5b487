"""The interface of a source of runs."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class RunSourceUnavailable(Exception):
    """The place where runs are handed out does not answer at the moment; asking again later is right."""


@dataclass(frozen=True)
class Claimed:
    """A run that belongs to this worker until its lease ends.

    `token` is the run's secret for reports, `lease` the claim's own mark: a claim is renewed and released by it alone.
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
        return f"Claimed(run_id={self.run_id}, platform={self.platform!r}, repository={self.repository!r}, commit={self.commit!r})"


class RunSource(Protocol):
    """Hands out queued runs, each to one worker at a time. Every method may raise RunSourceUnavailable, having changed nothing."""

    def claim(self, platform: str) -> Claimed | None:
        """Take the oldest queued run of the platform, or None; at once it is in preparation, so that nobody else starts it."""

    def renew(self, claimed: Claimed) -> bool:
        """Prolong the lease; False when the run is over, or the claim is no longer this one's: the worker then stops it."""

    def release(self, claimed: Claimed, failure: str | None = None, *, lost: bool = False) -> None:
        """End the claim; a repeat, or one on a claim that was lost, changes nothing.

        `failure` is the reason, `[type] text`, of a run that was given up without its worker being able to report so: a run that is
        not over becomes canceled with it. `lost` says that the run had no part in it: another is queued in its place.
        """
