"""A server on a real socket with a job that is watched there, somebody who submits, and an attempt that writes its log."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.domain.auth.access import Role, Scope
from api.jobs.files import AttemptFiles, JobFiles
from api.streaming.log_follower import Follower
from contract.client import ValidatingClient
from tests.builders import NOW, add_token
from tests.handlers.jobs.followed import JOB
from tests.handlers.jobs.watched import Watched
from tests.handlers.jobs.watching import listening
from tests.handlers.site import Site, build_site


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A server that listens, which the tests of this module share; its streams ping often."""
    folder = tmp_path_factory.mktemp("watched")
    database = folder / "ci.db"
    database.write_bytes(sqlite_template.read_bytes())
    site = build_site(folder, database)
    follower: Follower = site.app.app_context.collaborators[Follower]
    follower.ping_interval = 0.2
    with listening(site.app) as url:
        yield site, url


@pytest.fixture
def watched(server: tuple[Site, str]) -> Iterator[Watched]:
    """The server without jobs, within its application context."""
    site, url = server
    with site.app.flask.app_context():
        site.database.empty()
        site.accounts.clear()
        owner = site.account(Role.TESTER)
        yield Watched(site, url, owner, add_token(owner, Scope.RUNS_READ, now=NOW))


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client that may submit."""
    return site.as_role(Role.TESTER)


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptFiles:
    """The files of the job's attempt, with an empty folder."""
    found = JobFiles(tmp_path).attempt(JOB.job_id, 1, 1)
    found.folder.mkdir(parents=True)
    return found
