"""Gives up jobs whose machine is gone, and removes files of old jobs after their retention."""
from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from flask import Flask

from api.background.lease_grace import LeaseGrace
from api.domain.jobs.job import Job
from api.services.jobs.claims import give_up_expired_jobs
from api.storage.database import database_now, transact
from api.storage.jobs.agents import delete_silent_agents
from api.storage.jobs.files import JobFiles
from api.storage.jobs.jobs import load_job_states
from api.supervision.loop import Task

log = logging.getLogger(__name__)

FILES_INTERVAL = 600.0
UNKNOWN_RETENTION = timedelta(days=1)
FORGET_MACHINES_AFTER = timedelta(days=1)
BATCH_SIZE = 200


class JobUpkeep:
    """The tasks. Several processes may run them at the same time.

    A job is given up a while after its lease has ended, so that its supervisor kills it first, by another clock; and after an outage
    machines get a lease's time to renew.
    """

    def __init__(
        self, app: Flask, files: JobFiles, *, lease: timedelta, keep: timedelta, clock: Callable[[], datetime] = database_now,
    ) -> None:
        self._app, self._files, self._lease, self._keep, self._clock = app, files, lease, keep, clock
        self._grace = LeaseGrace(lease)

    def tasks(self, *, every: float) -> list[Task]:
        """The periodic tasks."""
        return [
            Task("lost_jobs", self.give_up_lost, every), Task("job_file_cleanup", self.tidy_files, max(every, FILES_INTERVAL))]

    def give_up_lost(self) -> None:
        """Give up the jobs whose lease has ended."""
        with self._grace.watched(), self._app.app_context():
            now = self._clock()
            if self._grace.is_over(now):
                give_up_expired_jobs(self._files, now - self._lease / 6, now)

    def tidy_files(self) -> None:
        """Remove the files of old finished jobs, and uploads without a job; forget machines that were silent for long."""
        with self._app.app_context():
            now = self._clock()
            transact(partial(delete_silent_agents, now - FORGET_MACHINES_AFTER))
            folders = self._job_folders()
            while names := list(islice(folders, BATCH_SIZE)):
                known = load_job_states(names)
                for name in names:
                    with suppress(OSError):
                        self._tidy_job(name, known.get(name), now)

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
        elif job.end_time is not None and job.end_time < now - self._keep:
            shutil.rmtree(folder, ignore_errors=True)


def _age(path: Path, now: datetime) -> timedelta:
    return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
