"""What is configured of an agent, and of what it gives to jobs."""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from api.domain.archive_check import ArchiveLimits
from api.execution.jobs.collecting import ArtifactLimits
from api.execution.jobs.limits import Limits


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a job's steps are, and what is kept of them."""

    command: tuple[str, ...] = ("python", "-m", "pytest", "-v")
    limits: Limits = field(default_factory=Limits)
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)
    wheelhouse: Path | None = None
    install_network: bool = False
    artifacts: tuple[str, ...] = ()
    artifact_limits: ArtifactLimits = field(default_factory=ArtifactLimits)


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """An agent. `work` is its folder on the host's own disk; `handover` is how long jobs outlive it when it is stopped in order.

    A job whose lease has passed is given up after a `margin`, since clocks of hosts differ, and since its supervisor kills it first.
    """

    work: Path
    slots: int = 2
    per_owner: int = 2
    lease: timedelta = timedelta(seconds=60)
    poll: timedelta = timedelta(seconds=2)
    handover: timedelta = timedelta(minutes=15)
    keep: timedelta = timedelta(days=14)

    @property
    def renewal(self) -> timedelta:
        """How often leases are renewed: so that two may fail and a job still has a third of its time."""
        return self.lease / 3

    @property
    def margin(self) -> timedelta:
        """How long after its lease's end a job is given up."""
        return self.lease / 6
