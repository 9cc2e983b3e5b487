"""The repository that agents of tests have does what that of the server does."""
from __future__ import annotations

from pathlib import Path

import pytest

from api.jobs.agent.job_repository import JobRepository
from api.storage.database import session
from api.storage.jobs.files import JobFiles
from tests.builders import add_user
from tests.clocks import Clock
from tests.databases import Database
from tests.jobs.agent.job_store import DirectJobRepository
from tests.machine.job_repository_suite import JobRepositorySuite


class TestDirectRepository(JobRepositorySuite):
    """The stand-in is held to what every repository does."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> JobFiles:
        return JobFiles(tmp_path / "store")

    @pytest.fixture
    def owner(self, database: Database) -> int:
        made = add_user()
        session().commit()
        return made

    @pytest.fixture
    def repository(self, database: Database, files: JobFiles) -> JobRepository:
        return DirectJobRepository(database.app, "one", files, Clock())

    @pytest.fixture
    def small(self, database: Database, files: JobFiles) -> JobRepository:
        return DirectJobRepository(database.app, "one", files, Clock(), quota=1 << 20)
