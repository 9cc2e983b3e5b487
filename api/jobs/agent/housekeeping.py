"""Removes workspaces and sandboxes of dead jobs at once, and files of old jobs after their retention."""
from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from api.domain.jobs.job import Job, JobStatus
from api.jobs.agent.job_repository import JobRepository
from api.jobs.project.workspaces import WorkspaceFailure, Workspaces
from api.sandbox.sandbox import Sandbox
from api.storage.jobs.files import JobFiles

log = logging.getLogger(__name__)

HOST_INTERVAL, FILES_INTERVAL = 60.0, 600.0
# Younger remains may be about to be used.
MIN_AGE_SECONDS = 60.0
UNKNOWN_RETENTION = timedelta(days=1)
BATCH_SIZE = 200
WORKSPACE = re.compile(r"([0-9a-f-]{36})-([0-9]+)-([0-9]+)", re.ASCII)


class Housekeeping:
    """Tidies an agent's host, and the folder of all jobs, which agents of several hosts may tidy at the same time."""

    def __init__(
        self, repository: JobRepository, files: JobFiles, workspaces: Workspaces, sandbox: Sandbox | None, *, keep: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._repository, self._files, self._workspaces, self._sandbox = repository, files, workspaces, sandbox
        self._keep, self._clock = keep, clock

    def tidy_host(self, held_names: Callable[[], frozenset[str]]) -> None:
        """Remove the workspaces and sandboxes that nothing uses."""
        left = [name for name in self._workspaces.names() if (found := WORKSPACE.fullmatch(name)) and self._is_orphaned(*found.groups())]
        held = held_names()
        for name in left:
            if name not in held:
                try:
                    self._workspaces.remove(name)
                    log.info("removed the orphaned workspace %s", name)
                except (WorkspaceFailure, OSError) as failure:
                    log.warning("the orphaned workspace %s could not be removed: %s", name, failure)
        if self._sandbox is not None:
            self._sandbox.sweep(time.time() - MIN_AGE_SECONDS)

    def tidy_files(self) -> None:
        """Remove the files of old finished jobs, and uploads without a job."""
        now = self._clock()
        folders = self._job_folders()
        while names := list(islice(folders, BATCH_SIZE)):
            known = self._repository.states(dict.fromkeys(names, 0))
            for name in names:
                with suppress(OSError):
                    self._tidy_job(name, known.get(name), now)

    def _is_orphaned(self, job_id: str, attempt: str, fence: str) -> bool:
        try:
            if self._files.attempt(job_id, int(attempt), int(fence)).is_supervised():
                return False
        except OSError as fault:
            # One unreadable attempt must not stop the housekeeping.
            log.warning("it is unknown whether attempt %s of job %s still runs: %s", attempt, job_id, fault)
            return False
        job = self._repository.states({job_id: 0}).get(job_id)
        return job is None or job.status is not JobStatus.RUNNING or job.attempt_fence != int(fence)

    def _job_folders(self) -> Iterator[str]:
        if self._files.root.is_dir():
            for folder in self._files.root.iterdir():
                if self._files.is_job(folder.name):
                    yield folder.name

    def _tidy_job(self, name: str, job: Job | None, now: datetime) -> None:
        folder = self._files.job(name)
        if job is None:
            # It may belong to another installation that shares the folder, with the same retention.
            if _age(folder, now) > max(self._keep, UNKNOWN_RETENTION):
                shutil.rmtree(folder, ignore_errors=True)
        elif _is_old(job, now - self._keep) and not any(attempt.is_supervised() for attempt in self._files.attempts(name)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_old(job: Job, before: datetime) -> bool:
    return job.end_time is not None and job.end_time < before


def _age(path: Path, now: datetime) -> timedelta:
    return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
