"""Jobs of machines that are gone are given up, and old files are removed."""
from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from api.background.job_upkeep import JobUpkeep
from api.domain.jobs.job import Job, JobReason, JobStatus, outcome_of
from api.storage.database import session, transact
from api.storage.jobs import jobs
from api.storage.jobs.files import JobFiles
from api.storage.jobs.incoming_attempts import append_log
from tests.builders import NOW, add_user
from tests.clocks import Clock
from tests.databases import Database

LEASE, KEEP = timedelta(seconds=60), timedelta(days=14)
OLD = NOW.timestamp() - timedelta(days=30).total_seconds()


class Keeping:
    """Jobs without machines, and who looks after them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.files, self.clock = JobFiles(folder), Clock()
        self.upkeep = JobUpkeep(database.app, self.files, lease=LEASE, keep=KEEP, clock=self.clock)
        self._owner = add_user()
        session().commit()

    def submit(self) -> str:
        job = Job(str(uuid4()), self._owner, JobStatus.QUEUED, NOW)
        self.files.job(job.job_id).mkdir(parents=True)
        self.files.project(job.job_id).write_bytes(b"a zip")
        transact(lambda: jobs.submit_job(job))
        return job.job_id

    def claimed(self) -> Job:
        self.submit()
        job = transact(lambda: jobs.claim_job("elsewhere", now=NOW, lease_until=self.clock() + LEASE, per_owner=9))
        assert job is not None
        return job

    def now_of(self, job: Job) -> Job:
        session().rollback()
        return jobs.load_job(job.job_id)

    def after(self, seconds: float) -> None:
        """Look again, so much later."""
        self.clock.advance(seconds)
        self.upkeep.give_up_lost()


@pytest.fixture
def keeping(database: Database, tmp_path: Path) -> Keeping:
    return Keeping(database, tmp_path)


@pytest.mark.parametrize(("began", "status", "reason"), [(True, JobStatus.FAILED, JobReason.LOST), (False, JobStatus.QUEUED, None)])
def test_a_job_is_given_up_a_while_after_its_lease(keeping: Keeping, began: bool, status: JobStatus, reason: JobReason | None) -> None:
    keeping.after(0)
    job = keeping.claimed()
    if began:
        append_log(keeping.files.attempt(job.job_id, job.attempt, job.fence), 0, b"")

    keeping.after(LEASE.total_seconds() + 5)
    waited = keeping.now_of(job).status
    keeping.after(6)

    assert waited is JobStatus.RUNNING
    assert (keeping.now_of(job).status, keeping.now_of(job).reason) == (status, reason)


def test_after_an_outage_machines_get_a_lease_to_renew(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError("Stale file handle")

    keeping.after(0)
    job = keeping.claimed()
    with monkeypatch.context() as outage:
        outage.setattr("api.background.job_upkeep.give_up_expired_jobs", fail)
        with pytest.raises(OSError, match="Stale"):
            keeping.after(90)
    keeping.after(1)
    keeping.after(LEASE.total_seconds() - 1)
    waited = keeping.now_of(job).status
    keeping.after(2)

    assert waited is JobStatus.RUNNING
    assert keeping.now_of(job).status is not JobStatus.RUNNING


def test_files_and_zips_are_kept_for_as_long_as_is_said(keeping: Keeping) -> None:
    over = keeping.claimed()
    transact(lambda: jobs.finish_job(over.job_id, over.fence, outcome_of(JobReason.EXIT_CODE, 0), NOW))
    waiting = keeping.submit()
    session().rollback()
    keeping.clock.advance(KEEP.total_seconds())
    keeping.upkeep.tidy_files()
    kept = (keeping.files.job(over.job_id).exists(), keeping.files.project(waiting).exists())

    keeping.clock.advance(1)
    keeping.upkeep.tidy_files()

    assert kept == (True, True)
    assert (keeping.files.job(over.job_id).exists(), keeping.files.project(waiting).exists()) == (False, True)


def test_what_no_job_was_made_of_goes_when_it_is_old(keeping: Keeping) -> None:
    files = keeping.files
    old, young, other = files.job(str(uuid4())), files.job(str(uuid4())), files.root / "something"
    for folder in (old, young, other):
        folder.mkdir(parents=True)
    os.utime(young, (NOW.timestamp(), NOW.timestamp()))
    for path in (old, other):
        os.utime(path, (OLD, OLD))

    keeping.upkeep.tidy_files()

    assert [path.exists() for path in (old, young, other)] == [False, True, True]
