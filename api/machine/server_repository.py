"""A repository of jobs that asks the server, over HTTP."""
from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from api.domain.jobs.artifact_limit import ArtifactLimit
from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.runs.machine import ClaimState, WorkKind
from api.host.permissions import PRIVATE
from api.jobs.agent.job_repository import ClaimPassed, ProjectGone, RepositoryUnavailable
from api.machine.file_cache import FileCache, WrongContent
from api.machine.job_client import JobClient
from api.machine.machine_client import NotThere, Refused, ServerUnavailable, TokenRefused

# Between two questions of which the first was not waited for, in seconds.
PAUSE = 1.0


class ServerJobRepository:
    """JobRepository on the server. Projects come through the cache, which is on the same disk as what they are put at."""

    def __init__(self, client: JobClient, cache: FileCache) -> None:
        self._client, self._cache, self._session = client, cache, str(uuid4())

    @property
    def report_seconds(self) -> float:
        """How long the server would have this machine wait between two reports of one kind."""
        return self._client.report_seconds

    def claim(self, wait: float) -> ClaimedJob | None:
        """Claim the next job that may be started, waiting up to so many seconds for one."""
        begun = time.monotonic()
        with _translated():
            work = self._client.claim(self._session, (), int(wait), kinds=(WorkKind.JOB,))
        if work is None and time.monotonic() - begun < wait - PAUSE:
            # A server that is stopping lets nobody wait.
            time.sleep(PAUSE)
        return None if work is None else ClaimedJob.from_json(work["job"])

    def held(self) -> list[ClaimedJob]:
        """The jobs that this machine has claimed."""
        with _translated():
            return [ClaimedJob.from_json(each["job"]) for each in self._client.held()]

    def renew(self, claims: Iterable[str], condition: Mapping[str, object] | None) -> tuple[dict[str, ClaimState], float]:
        """Renew claims, and say how this machine is. How each stands, and for how many seconds they hold from now on."""
        return self._renew(claims, **({} if condition is None else {"condition": condition}))

    def leave(self, claims: Iterable[str]) -> tuple[dict[str, ClaimState], float]:
        """Say that this process ends. As `renew`; the claims hold for longer."""
        return self._renew(claims, leaving=True)

    def _renew(self, claims: Iterable[str], **more: Any) -> tuple[dict[str, ClaimState], float]:
        with _translated():
            return self._client.renew(claims, **more)

    def fetch_project(self, job: ClaimedJob, target: Path) -> None:
        """Put the job's zip at `target`. Raises ProjectGone."""
        if job.project is None:
            raise ProjectGone("the project was removed")
        PRIVATE.make_folder(target.parent)
        try:
            with _translated():
                self._cache.provide(job.project, target, partial(self._client.open, job.claim))
        except WrongContent as wrong:
            raise ProjectGone("the project is not what its hash says") from wrong
        except RepositoryUnavailable as failed:
            if failed.is_outage:
                raise
            # Or the claim has passed on, which is seen when its end is said.
            raise ProjectGone("the project was removed") from failed

    def append_log(self, job: ClaimedJob, offset: int, chunk: bytes) -> tuple[int, ClaimState]:
        """Append to the job's log; how long it is then, whatever was sent, and how the claim stands. Raises ClaimPassed."""
        with _translated(missing=ClaimPassed()):
            return self._client.append_log(job.claim, offset, chunk)

    def send_artifact(self, job: ClaimedJob, sha256: str, path: Path) -> ArtifactLimit | None:
        """Send a file that the job left; the limit for which it is not kept. Raises ClaimPassed."""
        with _translated(missing=ClaimPassed()):
            return self._client.send_artifact(job.claim, sha256, path)

    def finish(self, job: ClaimedJob, end: JobEnd) -> None:
        """Say how a job ended. A claim that has passed on stays as it is."""
        self._end(job, {"result": end.as_json()})

    def give_up(self, job: ClaimedJob, *, began: bool) -> None:
        """Say that an attempt was lost. A claim that has passed on stays as it is."""
        self._end(job, {"attempt": "lost" if began else "not_started"})

    def put_back(self, job: ClaimedJob) -> None:
        """Return a job to the queue whose attempt is not to take place. A claim that has passed on stays as it is."""
        self._end(job, {"attempt": "released"})

    def _end(self, job: ClaimedJob, body: Mapping[str, Any]) -> None:
        with _translated():
            self._client.end(job.claim, body)


@contextmanager
def _translated(missing: Exception | None = None) -> Iterator[None]:
    """Raise what a repository raises; `missing` where the server has no such claim or file for this machine."""
    try:
        yield
    except (ServerUnavailable, TokenRefused) as away:
        raise RepositoryUnavailable(str(away), is_outage=True) from away
    except NotThere as absent:
        raise (missing or RepositoryUnavailable(str(absent), is_outage=False)) from absent
    except Refused as refused:
        raise RepositoryUnavailable(str(refused), is_outage=False) from refused
