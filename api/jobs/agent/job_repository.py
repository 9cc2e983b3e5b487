"""The database as an agent uses it: each call is one transaction, by the database's clock."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.domain.jobs.agents import Agent
from api.domain.jobs.job import Job, JobOutcome
from api.storage.database import TransactionConflict, database_now, transact
from api.storage.jobs import agents, jobs
from api.storage.outage import is_outage

T = TypeVar("T")


class RepositoryUnavailable(Exception):
    """The database is unavailable (`is_outage`), or refuses a statement."""

    def __init__(self, failed: Exception) -> None:
        super().__init__(type(failed).__name__)
        self.is_outage = is_outage(failed)


class JobRepository(Protocol):
    """The database operations of an agent. Every call may raise RepositoryUnavailable.

    Leases are durations; the repository's clock decides when they start.
    """

    def is_any_waiting(self) -> bool:
        """Whether there are jobs in the queue."""

    def claim(self, lease: timedelta) -> Job | None:
        """Claim the next job that may be started, if there is one."""

    def renew(self, fences: Mapping[str, int], lease: timedelta) -> dict[str, Job]:
        """Renew the leases of these jobs; return those that this agent still holds."""

    def states(self, fences: Mapping[str, int]) -> dict[str, Job]:
        """The current states of these jobs, without deleted ones."""

    def held_by(self, agent: str) -> list[Job]:
        """The jobs that an agent has claimed."""

    def take_over(self, job: Job, held_by: str, lease: timedelta) -> bool:
        """Take over a job from a dead agent of this host."""

    def expired(self, margin: timedelta) -> list[Job]:
        """The jobs whose lease expired at least `margin` ago."""

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        """Record a job's outcome; False where the claim is lost."""

    def kept_bytes(self, job: Job) -> int:
        """How many bytes the files of the jobs of this one's owner take."""

    def give_up(self, job: Job, *, began: bool) -> bool:
        """Give up a lost attempt; False where the claim is lost."""

    def put_back(self, job: Job) -> bool:
        """Return a job to the queue; False where the claim is lost."""

    def heartbeat(self, agent: Agent) -> None:
        """Record that the agent is alive, with its capabilities."""

    def forget(self, silent_for: timedelta) -> None:
        """Delete this agent, and all without a heartbeat for so long."""


class DatabaseJobRepository:
    """The repository on the server's database. `clock` is called within the application's context."""

    def __init__(
        self, app: Flask, agent: str, *, per_owner: int, keep: timedelta = timedelta(days=14),
        clock: Callable[[], datetime] = database_now,
    ) -> None:
        self._app, self._agent, self._clock, self._per_owner, self._keep = app, agent, clock, per_owner, keep

    def is_any_waiting(self) -> bool:
        """Whether there are jobs in the queue."""
        return self._query(jobs.is_any_waiting)

    def claim(self, lease: timedelta) -> Job | None:
        """Claim the next job that may be started, if there is one."""
        return self._transact(lambda: self._claim(lease))

    def _claim(self, lease: timedelta) -> Job | None:
        now = self._clock()
        return jobs.claim_job(self._agent, now=now, lease_until=now + lease, per_owner=self._per_owner)

    def renew(self, fences: Mapping[str, int], lease: timedelta) -> dict[str, Job]:
        """Renew the leases of these jobs; return those that this agent still holds."""
        return self._transact(lambda: jobs.renew_leases(self._agent, fences, self._clock() + lease))

    def states(self, fences: Mapping[str, int]) -> dict[str, Job]:
        """The current states of these jobs, without deleted ones."""
        return self._query(lambda: jobs.load_job_states(list(fences)))

    def held_by(self, agent: str) -> list[Job]:
        """The jobs that an agent has claimed."""
        return self._query(lambda: jobs.list_claimed_by(agent))

    def take_over(self, job: Job, held_by: str, lease: timedelta) -> bool:
        """Take over a job from a dead agent of this host."""
        return self._transact(lambda: jobs.take_over(
            job, held_by=held_by, agent=self._agent, lease_until=self._clock() + lease))

    def expired(self, margin: timedelta) -> list[Job]:
        """The jobs whose lease expired at least `margin` ago."""
        return self._query(lambda: jobs.list_expired(self._clock() - margin))

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        """Record a job's outcome; False where the claim is lost."""
        return self._transact(lambda: jobs.finish_job(job.job_id, job.fence, outcome, self._clock()))

    def kept_bytes(self, job: Job) -> int:
        """How many bytes the files of the jobs of this one's owner take."""
        return self._query(lambda: jobs.count_of_account(job.owner_id, since=self._clock() - self._keep)[1])

    def give_up(self, job: Job, *, began: bool) -> bool:
        """Give up a lost attempt; False where the claim is lost."""
        return self._transact(lambda: jobs.give_up_job(job, self._clock(), began=began))

    def put_back(self, job: Job) -> bool:
        """Return a job to the queue; False where the claim is lost."""
        return self._transact(lambda: jobs.put_back(job, self._clock()))

    def heartbeat(self, agent: Agent) -> None:
        """Record that the agent is alive, with its capabilities."""
        self._transact(lambda: agents.save_agent(replace(agent, seen_at=self._clock())))

    def forget(self, silent_for: timedelta) -> None:
        """Delete this agent, and all without a heartbeat for so long."""
        self._transact(lambda: agents.delete_agent(self._agent))
        self._transact(lambda: agents.delete_silent_agents(self._clock() - silent_for))

    def _transact(self, work: Callable[[], T]) -> T:
        with self._open():
            return transact(work)

    def _query(self, work: Callable[[], T]) -> T:
        with self._open():
            return work()

    @contextmanager
    def _open(self) -> Iterator[None]:
        try:
            with self._app.app_context():
                yield
        except (SQLAlchemyError, TransactionConflict) as failed:
            raise RepositoryUnavailable(failed) from failed
