"""Agents: what is known of each, and whether any can run a job."""
from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.domain.health import DEGRADED, OK, Finding

HEARTBEAT_INTERVAL = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=60)
# Whoever stops a machine means to start it again, which may take longer than a lease.
HANDOVER = timedelta(minutes=15)
MAX_WORDS = 500


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as it last said of itself. Without a `sandbox` it runs nothing, and `trouble` says why.

    With both, the sandbox works, and lacks what jobs are run with.
    `missing` are words for what its sandbox does not hold back on its host, each behind its name and a colon. `running` is how many
    jobs it holds.
    """

    name: str
    slots: int
    running: int
    seen_at: datetime
    sandbox: str | None = None
    trouble: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def can_run(self) -> bool:
        """Whether it takes jobs."""
        return self.sandbox is not None and self.trouble is None

    def is_alive(self, now: datetime) -> bool:
        """Whether it was heard of lately; agents say something every `HEARTBEAT_INTERVAL`."""
        return now - self.seen_at < ALIVE_FOR


def alive(agents: Iterable[Agent], now: datetime) -> list[Agent]:
    """Those that live."""
    return [agent for agent in agents if agent.is_alive(now)]


def finding_of(agents: Iterable[Agent], now: datetime, *, needed: bool, limits: Container[str] = ()) -> Finding:
    """How the agents are, for the health of the system. `needed` says whether one has to live.

    `limits` are the names of limits that must be held: what else is not held back on a host is information.
    """
    living = alive(agents, now)
    if not living:
        return Finding(DEGRADED, "No agent runs, so jobs wait.") if needed else Finding()
    lacking = sorted({agent.trouble for agent in living if agent.sandbox is not None and agent.trouble is not None})
    if not any(agent.can_run for agent in living):
        return Finding(DEGRADED, f"No agent can run jobs, so they are refused: {'; '.join(lacking)}."[:MAX_WORDS] if lacking else (
            "No agent has a sandbox, so jobs are refused."))
    missing = sorted({words for agent in living for words in agent.missing})
    is_unmet = any(words.partition(":")[0] in limits for words in missing)
    said = [f"{words}: {'; '.join(each)}." for words, each in (("Some agents take no jobs", lacking), ("Not held back", missing)) if each]
    return Finding(DEGRADED if lacking or is_unmet else OK, " ".join(said)[:MAX_WORDS] or None)


def can_accept(agents: Iterable[Agent], now: datetime) -> bool:
    """Whether a job is taken in: not where agents live and none of them can run any; where none lives, it waits for one."""
    living = alive(agents, now)
    return not living or any(agent.can_run for agent in living)
