"""Jobs of machines that are gone are given up, and old files are removed."""
from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from api.background.job_upkeep import JobUpkeep
from api.domain.jobs.job import Job, JobReason, JobStatus, outcome_of
from api.jobs.files import JobFiles
from api.storage.database import session, transact
from api.storage.files.backends import Backend
from api.storage.jobs import jobs
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.places import AttemptPlace, project_name
from tests.builders import NOW, add_user
from tests.clocks import Clock
from tests.databases import Database
from tests.job_stores import content, keep_project, log_of, store_in_bucket, store_on_disk
from tests.storage.conftest import emulator, shared_emulator
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import bucket_at

__all__ = ["emulator", "shared_emulator"]

LEASE, KEEP = timedelta(seconds=60), timedelta(days=14)
OLD = NOW.timestamp() - timedelta(days=30).total_seconds()


class Keeping:
    """Jobs without machines, and who looks after them."""

    def __init__(self, database: Database, store: JobStore) -> None:
        self.store, self.clock = store, Clock()
        self.upkeep = JobUpkeep(database.app, self.store, lease=LEASE, keep=KEEP, clock=self.clock)
        self._owner = add_user()
        session().commit()

    def submit(self) -> str:
        job = Job(str(uuid4()), self._owner, JobStatus.QUEUED, NOW)
        keep_project(self.store, job.job_id, b"a zip")
        transact(lambda: jobs.submit_job(job))
        return job.job_id

    def claimed(self) -> Job:
        self.submit()
        job = transact(lambda: jobs.claim_job("elsewhere", now=NOW, lease_until=self.clock() + LEASE, per_owner=9))
        assert job is not None
        return job

    def project(self, job_id: str) -> bytes | None:
        return content(self.store, project_name(job_id))

    def now_of(self, job: Job) -> Job:
        session().rollback()
        return jobs.load_job(job.job_id)

    def after(self, seconds: float) -> None:
        """Look again, so much later."""
        self.clock.advance(seconds)
        self.upkeep.give_up_lost()


@pytest.fixture
def bucket(emulator: Emulator) -> Backend:
    return bucket_at(emulator.endpoint, emulator)


@pytest.fixture(params=["disk", "bucket"])
def keeping(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Keeping:
    if request.param == "disk":
        return Keeping(database, store_on_disk(tmp_path))
    return Keeping(database, store_in_bucket(database.app, request.getfixturevalue("bucket"), tmp_path))


@pytest.mark.parametrize(("began", "status", "reason"), [(True, JobStatus.FAILED, JobReason.LOST), (False, JobStatus.QUEUED, None)])
def test_a_job_is_given_up_a_while_after_its_lease(keeping: Keeping, began: bool, status: JobStatus, reason: JobReason | None) -> None:
    keeping.after(0)
    job = keeping.claimed()
    if began:
        keeping.store.logs.append(AttemptPlace(job.job_id, job.attempt, job.fence), 0, b"")

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
    keeping.store.logs.append(AttemptPlace(over.job_id, 1, 1), 0, b"a line\n")
    transact(lambda: jobs.finish_job(over.job_id, over.fence, outcome_of(JobReason.EXIT_CODE, 0), NOW))
    waiting = keeping.submit()
    session().rollback()
    keeping.clock.advance(KEEP.total_seconds())
    keeping.upkeep.tidy_files()
    kept = (keeping.project(over.job_id), keeping.project(waiting))

    keeping.clock.advance(1)
    keeping.upkeep.tidy_files()

    assert kept == (b"a zip", b"a zip")
    assert (keeping.project(over.job_id), keeping.project(waiting)) == (None, b"a zip")
    assert keeping.store.files.folders("Jobs/") == {waiting}
    assert keeping.store.logs.open(AttemptPlace(over.job_id, 1, 1)) is None


def test_what_no_job_was_made_of_goes_when_it_is_old(database: Database, tmp_path: Path) -> None:
    keeping, files = Keeping(database, store_on_disk(tmp_path)), JobFiles(tmp_path)
    old, young, other = files.job(str(uuid4())), files.job(str(uuid4())), files.root / "something"
    for folder in (old, young, other):
        folder.mkdir(parents=True)
    os.utime(young, (NOW.timestamp(), NOW.timestamp()))
    for path in (old, other):
        os.utime(path, (OLD, OLD))

    keeping.upkeep.tidy_files()

    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_of_a_bucket_too_what_no_job_was_made_of_goes_when_it_is_old(database: Database, bucket: Backend, tmp_path: Path) -> None:
    keeping, job_id = Keeping(database, store_in_bucket(database.app, bucket, tmp_path)), str(uuid4())
    keep_project(keeping.store, job_id, b"a zip")
    came_at = keeping.store.files.changed_at(f"Jobs/{job_id}/")
    assert came_at is not None
    kept = []
    for later in (KEEP, KEEP + timedelta(seconds=1)):
        keeping.clock.now = came_at + later
        keeping.upkeep.tidy_files()
        kept.append(keeping.project(job_id))

    assert kept == [b"a zip", None]


def test_a_log_of_a_job_that_is_over_comes_to_the_bucket_once_that_is_back(
    database: Database, bucket: Backend, emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    away, here = [Keeping(database, store_in_bucket(database.app, each, tmp_path)) for each in (
        bucket_at("http://127.0.0.1:9", emulator), bucket)]
    job = here.claimed()
    place = AttemptPlace(job.job_id, 1, 1)
    here.store.logs.append(place, 0, b"a line\n")
    transact(lambda: jobs.finish_job(job.job_id, job.fence, outcome_of(JobReason.EXIT_CODE, 0), NOW))

    away.upkeep.store_logs()
    away.upkeep.tidy_files()
    before = here.store.files.list(f"{place.log}/")
    here.upkeep.store_logs()

    assert (before, here.store.files.list(f"{place.log}/")) == (set(), {f"{place.log}/0-7"})
    assert log_of(here.store, place) == b"a line\n"
    assert caplog.text.count("wait for their store") == 2
