"""Metrics of jobs and runs in the database, at one moment."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.domain.jobs.agents import Agent
from api.domain.jobs.job import JobReason
from api.domain.runs.run import Platform, RunStatus


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """The state of the queues at a moment.

    `waiting` and `running` are jobs by priority, `ended` those that are kept, by why they ended, `refused`
    how often an agent came with a result of a job that was no longer its own; `claim_seconds` are how long the jobs
    of the last hour waited for an agent; `agents` are those that live; `hooks` and `runs` are what is still to be told or executed,
    `analyses` how many runs wait to be analysed.
    """

    at: datetime
    waiting: Mapping[int, int]
    running: Mapping[int, int]
    ended: Mapping[JobReason, int]
    refused: int
    oldest_waiting: datetime | None
    claim_seconds: Sequence[float]
    agents: Sequence[Agent]
    hooks: int
    runs: Mapping[tuple[Platform, RunStatus], int]
    analyses: int = 0

    @property
    def max_wait(self) -> float:
        """For how many seconds the job has been waiting that has waited longest; 0 where none waits."""
        return 0.0 if self.oldest_waiting is None else max(0.0, (self.at - self.oldest_waiting).total_seconds())


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not exceeded by this share of them, 0 < share <= 1. There must be one."""
    ordered = sorted(values)
    return ordered[min(len(ordered), max(1, -int(-share * len(ordered) // 1))) - 1]
