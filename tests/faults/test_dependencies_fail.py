"""What jobs need goes away for a while: the server's database, room on the disk. Jobs go on, and nothing of them is lost."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect

import pytest

from api.domain.jobs.job import JobReason, JobStatus
from api.storage.database import db
from tests.databases import Database, opened
from tests.e2e.processes import eventually
from tests.faults.cluster import SHORT, Cluster, Host, is_contiguous
from tests.faults.conftest import built
from tests.jobs.small_disk import SmallDisk, small_disk
from tests.mariadb import PrivateServer

__all__ = ["small_disk"]

FAILING = """
import sys
print("number 1"); print("number 2"); print("number 3"); print("number 4", flush=True)
sys.exit(3)
"""


@pytest.fixture
def own_database(mariadb: PrivateServer) -> Iterator[Database]:
    """A migrated database on it."""
    url = mariadb.server.create_database()
    with opened(url.render_as_string(hide_password=False)) as database:
        yield database


@pytest.fixture
def mariadb_plant(own_database: Database, runtime: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A plant over it."""
    with built(own_database, runtime, tmp_path) as made, made.server_process():
        yield made


def test_a_job_goes_on_and_is_reported_when_mariadb_was_away(mariadb_plant: Cluster, mariadb: PrivateServer) -> None:
    cluster = mariadb_plant
    host = cluster.host()
    with host.agent() as agent:
        job_id = cluster.submit()
        attempt = cluster.attempt(job_id)
        db.session.remove()
        mariadb.stop(kill=True)
        eventually(lambda: "server is unavailable" in agent.output(), "the machine's notice")
        host.release(attempt)
        eventually(attempt.exit.exists, "the exit record")
        mariadb.start()
        job = cluster.over(job_id)
        next_one = cluster.over(cluster.submit(FAILING))

    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    assert is_contiguous(cluster.log(attempt))
    assert (next_one.status, next_one.success, next_one.exit_code) == (JobStatus.COMPLETED, False, 3)


def test_a_job_goes_on_and_is_reported_when_sqlite_was_held_by_another(cluster: Cluster, host: Host) -> None:
    with host.agent():
        job_id = cluster.submit()
        attempt = cluster.attempt(job_id)
        db.session.remove()
        with closing(connect(cluster.database.url.removeprefix("sqlite:///"), isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN EXCLUSIVE")
            host.release(attempt)
            eventually(attempt.exit.exists, "the exit record")
            other.execute("ROLLBACK")
        job = cluster.over(job_id)

    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)


@pytest.mark.verify
def test_a_full_disk_of_the_server_holds_a_log_up_for_longer_than_a_lease_and_loses_nothing(
    idle_cluster: Cluster, host: Host, small_disk: SmallDisk,
) -> None:
    cluster, cluster.store = idle_cluster, small_disk.folder / "files"
    with cluster.server(lease=SHORT), host.agent():
        job_id = cluster.submit()
        attempt = cluster.attempt(job_id)
        small_disk.fill()
        until = attempt.lease_until()
        assert until is not None
        eventually(lambda: datetime.now(UTC) > until, "the end of the lease that the job had when the disk was full")
        supervised = attempt.is_supervised()
        host.release(attempt)
        small_disk.empty()
        job = cluster.over(job_id)

    assert supervised
    assert (job.status, job.success, job.reason, job.attempt) == (JobStatus.COMPLETED, True, JobReason.EXIT_CODE, 1)
    assert is_contiguous(cluster.log(attempt)) and cluster.log(attempt).endswith("told to go on\n")
