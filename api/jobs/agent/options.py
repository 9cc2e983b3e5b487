"""Settings of an agent."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """An agent. `work` is its folder on the host's own disk; `handover` is how long jobs outlive it when it is stopped in order.

    A job whose lease has passed is given up after a `margin`, since its supervisor kills it first, by another clock.
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
