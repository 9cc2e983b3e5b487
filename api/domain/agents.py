"""Agents, which run jobs: what is known of each, and whether jobs are worth accepting."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

BEAT = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=60)
MOST_WORDS = 500


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


def words_of(agents: Iterable[Agent], now: datetime, *, needed: bool) -> str | None:
    """What is amiss with the agents, for the health of the system; None for nothing. `needed` says whether one has to live."""
    living = alive(agents, now)
    if not living:
        return "No agent runs, so jobs wait." if needed else None
    if not any(agent.sandbox is not None for agent in living):
        return "No agent has a sandbox, so jobs are refused."
    missing = sorted({words for agent in living for words in agent.missing})
    return f"Not held back: {'; '.join(missing)}."[:MOST_WORDS] if missing else None


def can_accept(agents: Iterable[Agent], now: datetime) -> bool:
    """Whether a job is taken in: not where agents live and none of them has a sandbox; where none lives, it waits for one."""
    living = alive(agents, now)
    return not living or any(agent.sandbox is not None for agent in living)
