"""The repository that agents of tests have does what that of the server does."""
from __future__ import annotations

from pathlib import Path

import pytest

from api.jobs.agent.job_repository import JobRepository
from api.storage.database import session
from api.storage.jobs.job_store import JobStore
from tests.builders import add_user
from tests.clocks import Clock
from tests.databases import Database
from tests.job_stores import store_on_disk
from tests.jobs.agent.job_store import DirectJobRepository
from tests.machine.job_repository_suite import JobRepositorySuite


class TestDirectRepository(JobRepositorySuite):
    """The stand-in is held to what every repository does."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> JobStore:
        return store_on_disk(tmp_path / "store")

    @pytest.fixture
    def owner(self, database: Database) -> int:
        made = add_user()
        session().commit()
        return made

    @pytest.fixture
    def repository(self, database: Database, store: JobStore) -> JobRepository:
        return DirectJobRepository(database.app, "one", store, Clock())

    @pytest.fixture
    def small(self, database: Database, store: JobStore) -> JobRepository:
        return DirectJobRepository(database.app, "one", store, Clock(), quota=1 << 20)
