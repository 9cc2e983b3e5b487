"""A repository of jobs for agents of tests: on a real database and a real store, without HTTP. It passes the suite of the real one."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from api.domain.errors import Conflict, NotFound, Unprocessable
from api.domain.jobs.agents import HANDOVER, Agent
from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.jobs.job import Job
from api.domain.runs.machine import ClaimState, parse_job_claim
from api.host.permissions import PRIVATE
from api.jobs.agent.job_repository import ClaimPassed, ProjectGone
from api.services.jobs import claims as services
from api.storage.jobs import jobs
from api.storage.jobs.incoming_attempts import check_room, keep_upload
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import AttemptPlace, project_name
from tests.job_stores import content

# For so long at most it is waited for a job, in seconds.
SHORT = 0.02


class DirectJobRepository:
    """JobRepository of a machine. `quota` is how much the files of an account may take."""

    report_seconds = 0.0

    def __init__(
        self, app: Flask, machine: str, store: JobStore, clock: Callable[[], datetime], *, lease: timedelta = timedelta(seconds=60),
        quota: int = 1 << 40,
    ) -> None:
        self._app, self._machine, self._store, self._clock, self._lease, self._quota = app, machine, store, clock, lease, quota

    def claim(self, wait: float) -> ClaimedJob | None:
        with self._app.app_context():
            found = services.claim_job(self._machine, now=self._clock(), lease=self._lease, per_owner=99)
            if found is None:
                time.sleep(min(wait, SHORT))
            return None if found is None else self._told(found)

    def held(self) -> list[ClaimedJob]:
        with self._app.app_context():
            return [self._told(job) for job in jobs.list_claimed_by(self._machine)]

    def renew(self, claims: Iterable[str], condition: Mapping[str, object] | None) -> tuple[dict[str, ClaimState], float]:
        with self._app.app_context():
            if condition is not None:
                said: Any = condition
                services.record_agent(Agent(self._machine, **{**said, "missing": tuple(said["missing"])}, seen_at=self._clock()))
            return self._prolong(claims, self._lease)

    def leave(self, claims: Iterable[str]) -> tuple[dict[str, ClaimState], float]:
        with self._app.app_context():
            return services.leave([parse_job_claim(name) for name in claims], self._machine, self._clock()), HANDOVER.total_seconds()

    def _prolong(self, names: Iterable[str], lease: timedelta) -> tuple[dict[str, ClaimState], float]:
        states = services.renew_jobs([parse_job_claim(name) for name in names], self._machine, deadline=self._clock() + lease)
        return states, lease.total_seconds()

    def fetch_project(self, job: ClaimedJob, target: Path) -> None:
        project = content(self._store, project_name(job.job_id))
        if job.project is None or project is None:
            raise ProjectGone
        PRIVATE.make_folder(target.parent)
        target.write_bytes(project)

    def append_log(self, job: ClaimedJob, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        with self._held(job) as (found, place):
            state = services.state_of(found)
            try:
                return self._store.logs.append(place, offset, chunk), state
            except Conflict as missing:
                return missing.details["size"], state

    def send_artifact(self, job: ClaimedJob, sha256: str, path: Path) -> ArtifactLimit | None:
        with self._held(job) as (_, place), self._store.spool.receive() as incoming:
            try:
                check_room(self._store, place, path.stat().st_size, quota_left=self._quota, reserve=0)
            except Unprocessable as refused:
                return ArtifactLimit(refused.details["rule"])
            incoming.write(path.read_bytes())
            keep_upload(self._store, place, incoming, sha256)
            return None

    def finish(self, job: ClaimedJob, end: JobEnd) -> None:
        with self._app.app_context():
            services.end_job(parse_job_claim(job.claim), self._machine, end, self._store, self._clock())

    def give_up(self, job: ClaimedJob, *, began: bool) -> None:
        with self._app.app_context():
            services.lose_job(parse_job_claim(job.claim), self._machine, self._clock(), began=began)

    def put_back(self, job: ClaimedJob) -> None:
        with self._app.app_context():
            services.release_job(parse_job_claim(job.claim), self._machine, self._clock())

    def _told(self, job: Job) -> ClaimedJob:
        return ClaimedJob(job.job_id, job.attempt, job.fence, job.owner_id, job.orders, job.zip.sha256 if job.zip else None)

    @contextmanager
    def _held(self, job: ClaimedJob) -> Iterator[tuple[Job, AttemptPlace]]:
        with self._app.app_context():
            try:
                found = services.held_job(parse_job_claim(job.claim), self._machine)
            except NotFound as passed:
                raise ClaimPassed from passed
            yield found, AttemptPlace(job.job_id, job.attempt, job.fence)
