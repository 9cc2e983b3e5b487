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
    """The database cannot be had just now, or, unless it `is_outage`, refuses what is asked of it."""

    def __init__(self, failed: Exception) -> None:
        super().__init__(type(failed).__name__)
        self.is_outage = is_outage(failed)


class JobRepository(Protocol):
    """What an agent asks of the database. Every call may raise RepositoryUnavailable.

    Leases are spans from now on: whose clock says what now is, is not for the agent to know.
    """

    def is_any_waiting(self) -> bool:
        """Whether there are jobs in the queue."""

    def claim(self, lease: timedelta) -> Job | None:
        """Take the next job, if there is one that may be started."""

    def renew(self, fences: Mapping[str, int], lease: timedelta) -> dict[str, Job]:
        """Prolong the leases of these jobs; those that are still ours, as they are now."""

    def states(self, fences: Mapping[str, int]) -> dict[str, Job]:
        """Those of these jobs that there are, as they are now."""

    def held_by(self, agent: str) -> list[Job]:
        """The jobs that an agent has claimed."""

    def take_over(self, job: Job, held_by: str, lease: timedelta) -> bool:
        """Hold a job that a dead agent of this host held."""

    def expired(self, margin: timedelta) -> list[Job]:
        """The jobs whose lease passed so long ago."""

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        """Record a job's end; False where the claim is no longer this one."""

    def give_up(self, job: Job, *, began: bool) -> bool:
        """End a lost attempt; False where the claim is no longer this one."""

    def put_back(self, job: Job) -> bool:
        """Return a job to the queue; False where the claim is no longer this one."""

    def heartbeat(self, agent: Agent) -> None:
        """Say that the agent lives now, and what it is."""

    def forget(self, silent_for: timedelta) -> None:
        """Forget this agent, and all of which nothing was heard for so long."""


class DatabaseJobRepository:
    """The desk on the server's own database. `clock` is asked within the application's context."""

    def __init__(self, app: Flask, agent: str, *, per_owner: int, clock: Callable[[], datetime] = database_now) -> None:
        self._app, self._agent, self._clock, self._per_owner = app, agent, clock, per_owner

    def is_any_waiting(self) -> bool:
        """Whether there are jobs in the queue."""
        return self._query(jobs.is_any_waiting)

    def claim(self, lease: timedelta) -> Job | None:
        """Take the next job, if there is one that may be started."""
        return self._transact(lambda: self._claim(lease))

    def _claim(self, lease: timedelta) -> Job | None:
        now = self._clock()
        return jobs.claim_job(self._agent, now=now, lease_until=now + lease, per_owner=self._per_owner)

    def renew(self, fences: Mapping[str, int], lease: timedelta) -> dict[str, Job]:
        """Prolong the leases of these jobs; those that are still ours, as they are now."""
        return self._transact(lambda: jobs.renew_leases(self._agent, fences, self._clock() + lease))

    def states(self, fences: Mapping[str, int]) -> dict[str, Job]:
        """Those of these jobs that there are, as they are now."""
        return self._query(lambda: jobs.load_job_states(list(fences)))

    def held_by(self, agent: str) -> list[Job]:
        """The jobs that an agent has claimed."""
        return self._query(lambda: jobs.list_held_by(agent))

    def take_over(self, job: Job, held_by: str, lease: timedelta) -> bool:
        """Hold a job that a dead agent of this host held."""
        return self._transact(lambda: jobs.take_over(
            job, held_by=held_by, agent=self._agent, lease_until=self._clock() + lease))

    def expired(self, margin: timedelta) -> list[Job]:
        """The jobs whose lease passed so long ago."""
        return self._query(lambda: jobs.list_expired(self._clock() - margin))

    def finish(self, job: Job, outcome: JobOutcome) -> bool:
        """Record a job's end; False where the claim is no longer this one."""
        return self._transact(lambda: jobs.finish_job(job.job_id, job.fence, outcome, self._clock()))

    def give_up(self, job: Job, *, began: bool) -> bool:
        """End a lost attempt; False where the claim is no longer this one."""
        return self._transact(lambda: jobs.give_up_job(job, self._clock(), began=began))

    def put_back(self, job: Job) -> bool:
        """Return a job to the queue; False where the claim is no longer this one."""
        return self._transact(lambda: jobs.put_back(job, self._clock()))

    def heartbeat(self, agent: Agent) -> None:
        """Say that the agent lives now, and what it is."""
        self._transact(lambda: agents.save_agent(replace(agent, seen_at=self._clock())))

    def forget(self, silent_for: timedelta) -> None:
        """Forget this agent, and all of which nothing was heard for so long."""
        self._transact(lambda: agents.forget_agent(self._agent))
        self._transact(lambda: agents.forget_silent_agents(self._clock() - silent_for))

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
