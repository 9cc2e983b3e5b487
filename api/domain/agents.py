"""Agents, which run jobs: what is known of each, and whether jobs are worth accepting."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

BEAT = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as it last said of itself. Without a `sandbox` it runs nothing, and `trouble` says why.

    `missing` are words for what its sandbox does not hold back on its host, `running` is how many jobs it holds.
    """

    name: str
    slots: int
    running: int
    seen_at: datetime
    sandbox: str | None = None
    trouble: str | None = None
    missing: tuple[str, ...] = ()

    def is_alive(self, now: datetime) -> bool:
        """Whether it was heard of lately; agents say something every `BEAT`."""
        return now - self.seen_at < ALIVE_FOR


def alive(agents: Iterable[Agent], now: datetime) -> list[Agent]:
    """Those that live."""
    return [agent for agent in agents if agent.is_alive(now)]


def can_accept(agents: Iterable[Agent], now: datetime) -> bool:
    """Whether a job is taken in: not where agents live and none of them has a sandbox; where none lives, it waits for one."""
    living = alive(agents, now)
    return not living or any(agent.sandbox is not None for agent in living)
