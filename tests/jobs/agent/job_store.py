"""A repository of jobs for agents of tests: on a real database and a real store, without HTTP. It passes the suite of the real one."""
from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask

from api.domain.errors import Conflict, NotFound, Unprocessable
from api.domain.jobs.agents import HANDOVER, Agent
from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.jobs.job import Job
from api.domain.runs.machine import ClaimState, parse_job_claim
from api.jobs.agent.job_repository import ClaimPassed, ProjectGone
from api.services.jobs import claims as services
from api.storage.files.file_digest import file_digest
from api.storage.jobs import jobs
from api.storage.jobs.files import AttemptFiles, JobFiles
from api.storage.jobs.incoming_attempts import append_log, check_room, keep_upload, open_upload
from api.storage.permissions import PRIVATE

# For so long at most it is waited for a job, in seconds.
SHORT = 0.02


class DirectJobRepository:
    """JobRepository of a machine. `quota` is how much the files of an account may take."""

    def __init__(
        self, app: Flask, machine: str, files: JobFiles, clock: Callable[[], datetime], *, lease: timedelta = timedelta(seconds=60),
        quota: int = 1 << 40,
    ) -> None:
        self._app, self._machine, self._files, self._clock, self._lease, self._quota = app, machine, files, clock, lease, quota

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
        place = self._files.project(job.job_id)
        if job.project is None or not place.exists():
            raise ProjectGone
        PRIVATE.make_folder(target.parent)
        shutil.copyfile(place, target)

    def append_log(self, job: ClaimedJob, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        with self._held(job) as (found, files):
            state = services.state_of(found)
            try:
                return append_log(files, offset, chunk), state
            except Conflict as missing:
                return missing.details["size"], state

    def send_artifact(self, job: ClaimedJob, sha256: str, path: Path) -> ArtifactLimit | None:
        with self._held(job) as (_, files):
            try:
                check_room(files, path.stat().st_size, quota_left=self._quota, reserve=0)
            except Unprocessable as refused:
                return ArtifactLimit(refused.details["rule"])
            incoming = open_upload(files, uuid4().hex)
            incoming.write(path.read_bytes())
            keep_upload(files, incoming, sha256)
            incoming.discard()
            return None

    def finish(self, job: ClaimedJob, end: JobEnd) -> None:
        with self._app.app_context():
            services.end_job(parse_job_claim(job.claim), self._machine, end, self._files, self._clock())

    def give_up(self, job: ClaimedJob, *, began: bool) -> None:
        with self._app.app_context():
            services.lose_job(parse_job_claim(job.claim), self._machine, self._clock(), began=began)

    def put_back(self, job: ClaimedJob) -> None:
        with self._app.app_context():
            services.release_job(parse_job_claim(job.claim), self._machine, self._clock())

    def _told(self, job: Job) -> ClaimedJob:
        place = self._files.project(job.job_id)
        digest = file_digest(place) if place.exists() else None
        return ClaimedJob(job.job_id, job.attempt, job.fence, job.owner_id, job.orders, digest)

    @contextmanager
    def _held(self, job: ClaimedJob) -> Iterator[tuple[Job, AttemptFiles]]:
        with self._app.app_context():
            try:
                found = services.held_job(parse_job_claim(job.claim), self._machine)
            except NotFound as passed:
                raise ClaimPassed from passed
            yield found, self._files.attempt(job.job_id, job.attempt, job.fence)
