"""The server as an agent uses it."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.runs.machine import ClaimState


class RepositoryUnavailable(Exception):
    """The server is away for now (`is_outage`), or refuses what is asked."""

    def __init__(self, why: str, *, is_outage: bool) -> None:
        super().__init__(why)
        self.is_outage = is_outage


class ClaimPassed(Exception):
    """The claim is no longer this machine's."""


class ProjectGone(Exception):
    """The server has no such project, or other bytes under its hash; the message is for the operator."""


class JobRepository(Protocol):
    """What an agent asks of the server. Every call may raise RepositoryUnavailable.

    Leases are durations; the server's clock decides when they start.
    """

    @property
    def report_seconds(self) -> float:
        """How long the server would have this machine wait between two reports of one kind: renewals, and a job's logs."""

    def claim(self, wait: float) -> ClaimedJob | None:
        """Claim the next job that may be started, waiting up to so many seconds for one."""

    def held(self) -> list[ClaimedJob]:
        """The jobs that this machine has claimed."""

    def renew(self, claims: Iterable[str], condition: Mapping[str, object] | None) -> tuple[dict[str, ClaimState], float]:
        """Renew claims, and say how this machine is. How each stands, and for how many seconds they hold from now on."""

    def leave(self, claims: Iterable[str]) -> tuple[dict[str, ClaimState], float]:
        """Say that this process ends. As `renew`; the claims hold for longer."""

    def fetch_project(self, job: ClaimedJob, target: Path) -> None:
        """Put the job's zip at `target`. Raises ProjectGone."""

    def append_log(self, job: ClaimedJob, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        """Append to the job's log; how long it is then, whatever was sent, and how the claim stands. Raises ClaimPassed."""

    def send_artifact(self, job: ClaimedJob, sha256: str, path: Path) -> ArtifactLimit | None:
        """Send a file that the job left; the limit for which it is not kept. Raises ClaimPassed."""

    def finish(self, job: ClaimedJob, end: JobEnd) -> None:
        """Say how a job ended. A claim that has passed on stays as it is."""

    def give_up(self, job: ClaimedJob, *, began: bool) -> None:
        """Say that an attempt was lost. A claim that has passed on stays as it is."""

    def put_back(self, job: ClaimedJob) -> None:
        """Return a job to the queue whose attempt is not to take place. A claim that has passed on stays as it is."""
