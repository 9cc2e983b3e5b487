"""Settings of an agent."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """An agent's settings. `work` is its folder on the host's own disk; `handover` is the lease of running jobs after an orderly stop.

    A job is given up `margin` after its lease has expired, so that its supervisor kills it first, by another clock.
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
        """The interval of renewals: two may fail before a lease expires."""
        return self.lease / 3

    @property
    def margin(self) -> timedelta:
        """How long after its lease has expired a job is given up."""
        return self.lease / 6
