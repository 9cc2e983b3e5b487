"""Settings of an agent."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """An agent's settings: how many jobs it runs at once, and the server's lease."""

    slots: int = 2
    lease: timedelta = timedelta(seconds=60)
    poll: timedelta = timedelta(seconds=2)

    @property
    def wait(self) -> float:
        """How long a question for a job lasts, in seconds. The lease counts from its beginning, since nobody knows when it was answered."""
        return min(25.0, self.lease.total_seconds() / 3)
