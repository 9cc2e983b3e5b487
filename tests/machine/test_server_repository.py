"""The repository of jobs on a server, over HTTP."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, select

from api.commands.machines import issue
from api.domain.jobs.claimed_job import ClaimedJob, JobEnd
from api.domain.jobs.job import JobReason
from api.domain.jobs.orders import Orders
from api.domain.runs.machine import WorkKind
from api.domain.runs.run import Platform
from api.jobs.agent.job_repository import JobRepository, RepositoryUnavailable
from api.machine.file_cache import FileCache
from api.machine.job_client import JobClient
from api.machine.server_repository import ServerJobRepository
from api.storage.database import change, session, transact
from api.storage.jobs.job_store import JobStore
from api.storage.jobs.tables import AgentRow, JobRow
from api.storage.platform_tables import UserRow
from tests.databases import Database, opened
from tests.e2e.installation import Installation
from tests.e2e.processes import free_port
from tests.job_stores import in_bucket_alone, store_in_bucket, store_on_disk
from tests.machine.job_repository_suite import JobRepositorySuite
from tests.storage.conftest import shared_emulator
from tests.storage.files.emulator import Emulator
from tests.storage.files.file_stores import bucket_at

__all__ = ["shared_emulator"]

TOKEN = "machine.token"
NOBODYS = ClaimedJob("550e8400-e29b-41d4-a716-446655440000", 1, 1, 1, Orders(), None)


@pytest.fixture(scope="module", params=["disk", "bucket"])
def bucket(request: pytest.FixtureRequest) -> Emulator | None:
    """The bucket in which the server keeps all files, where it has one."""
    return request.getfixturevalue("shared_emulator") if request.param == "bucket" else None


@pytest.fixture(scope="module")
def installation(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, bucket: Emulator | None,
) -> Iterator[Installation]:
    """A server that all tests share, with a machine that may take jobs."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "ci.db").write_bytes(sqlite_template.read_bytes())
    changes = {"CI_JOB_QUOTA": str(1 << 20), "CI_JOBS_PER_USER": "9", **(in_bucket_alone(bucket) if bucket else {})}
    made = Installation(folder, f"sqlite:///{folder / 'ci.db'}", changes=changes)
    made.fill()
    with opened(made.database_url, migrated=False):
        (folder / TOKEN).write_text(issue("one", Platform.LINUX, [WorkKind.JOB]))
    with made.server():
        yield made


@pytest.fixture(autouse=True)
def database(installation: Installation) -> Iterator[Database]:
    with opened(installation.database_url, migrated=False) as found:
        yield found
        session().rollback()
        transact(lambda: [change(delete(row)) for row in (AgentRow, JobRow)])


@pytest.fixture
def store(installation: Installation, bucket: Emulator | None, database: Database, tmp_path: Path) -> JobStore:
    if bucket is None:
        return store_on_disk(installation.files)
    return store_in_bucket(database.app, bucket_at(bucket.endpoint, bucket), tmp_path / "spool")


@pytest.fixture
def owner() -> int:
    return session().execute(select(UserRow.id)).scalars().first() or 0


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def repository(installation: Installation, http: httpx.Client, tmp_path: Path) -> JobRepository:
    client = JobClient(http, installation.url, installation.folder / TOKEN)
    return ServerJobRepository(client, FileCache(tmp_path / "cache", 1 << 20))


@pytest.fixture
def small(repository: JobRepository) -> JobRepository:
    """A repository whose accounts have room for a megabyte."""
    return repository


class TestServerRepository(JobRepositorySuite):
    """The repository on a server is held to what every repository does."""


def test_a_server_that_is_away_is_an_outage(http: httpx.Client, installation: Installation, tmp_path: Path) -> None:
    away = ServerJobRepository(
        JobClient(http, f"http://127.0.0.1:{free_port()}", installation.folder / TOKEN), FileCache(tmp_path, 1))

    with pytest.raises(RepositoryUnavailable) as answered:
        away.held()

    assert answered.value.is_outage


def test_a_result_that_the_server_refuses_is_no_outage(repository: JobRepository) -> None:
    with pytest.raises(RepositoryUnavailable) as answered:
        repository.finish(NOBODYS, JobEnd(JobReason.EXIT_CODE, log_bytes=-1))

    assert not answered.value.is_outage
