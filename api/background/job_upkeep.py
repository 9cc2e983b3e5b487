"""Gives up jobs whose machine is gone, stores logs, and removes files of old jobs after their retention."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from flask import Flask

from api.background.lease_grace import LeaseGrace
from api.domain.errors import Unavailable
from api.domain.jobs.identity import is_job_id
from api.domain.jobs.job import Job
from api.services.jobs.claims import give_up_expired_jobs
from api.storage.database import database_now, transact
from api.storage.jobs.agents import delete_silent_agents
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.jobs import load_job_states
from api.storage.jobs.log_storing import list_unstored_logs, store_log
from api.storage.jobs.places import JOBS, job_folder
from api.supervision.loop import Task

log = logging.getLogger(__name__)

FILES_INTERVAL = 600.0
STORE_INTERVAL = 5.0
UNKNOWN_RETENTION = timedelta(days=1)
FORGET_MACHINES_AFTER = timedelta(days=1)
BATCH_SIZE = 200


class JobUpkeep:
    """The tasks. Several processes may run them at the same time.

    A job is given up a while after its lease has ended, so that its supervisor kills it first, by another clock; and after an outage
    machines get a lease's time to renew.
    """

    def __init__(
        self, app: Flask, store: JobStore, *, lease: timedelta, keep: timedelta, clock: Callable[[], datetime] = database_now,
    ) -> None:
        self._app, self._store, self._lease, self._keep, self._clock = app, store, lease, keep, clock
        self._grace = LeaseGrace(lease)

    def tasks(self, *, every: float, stores_logs: bool = False) -> list[Task]:
        """The periodic tasks; one of them `stores_logs` where these are in the database first."""
        return [
            Task("lost_jobs", self.give_up_lost, every), Task("job_file_cleanup", self.tidy_files, max(every, FILES_INTERVAL)),
            *([Task("job_log_storing", self.store_logs, STORE_INTERVAL)] if stores_logs else [])]

    def give_up_lost(self) -> None:
        """Give up the jobs whose lease has ended."""
        with self._grace.watched(), self._app.app_context():
            now = self._clock()
            if self._grace.is_over(now):
                give_up_expired_jobs(self._store, now - self._lease / 6, now)

    def tidy_files(self) -> None:
        """Remove the files of old finished jobs, and uploads without a job; forget machines that were silent for long."""
        with self._app.app_context(), _waiting_for_store():
            now = self._clock()
            transact(partial(delete_silent_agents, now - FORGET_MACHINES_AFTER))
            folders = filter(is_job_id, self._store.files.folders(f"{JOBS}/"))
            while names := list(islice(folders, BATCH_SIZE)):
                known = load_job_states(names)
                for name in names:
                    with suppress(OSError):
                        self._tidy_job(name, known.get(name), now)

    def _tidy_job(self, name: str, job: Job | None, now: datetime) -> None:
        if job is None:
            # It may belong to another installation that shares the folder, with the same retention.
            changed_at = self._store.files.changed_at(job_folder(name)) or now
            is_old = now - changed_at > max(self._keep, UNKNOWN_RETENTION)
        else:
            is_old = job.end_time is not None and job.end_time < now - self._keep
        if is_old:
            self._store.logs.remove(name)
            self._store.files.remove_all(job_folder(name))

    def store_logs(self) -> None:
        """Bring logs from the database to the bucket, as far as they grow no more."""
        with self._app.app_context(), _waiting_for_store():
            for unstored in list_unstored_logs(BATCH_SIZE):
                store_log(unstored, self._store.files, self._store.spool)


@contextmanager
def _waiting_for_store() -> Iterator[None]:
    """Leave for the next time what a store that is away hinders."""
    try:
        yield
    except Unavailable as away:
        log.warning("files of jobs wait for their store: %s", away.message)
