"""Plants for tests of faults."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.jobs.project.python_runtime import host_runtime
from tests.databases import Database
from tests.faults.cluster import SHORT, Cluster, Host
from tests.parts import lacking, need


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of jobs, made once."""
    folder = tmp_path_factory.mktemp("kit")
    host_runtime(folder)
    return folder


@pytest.fixture
def idle_cluster(sqlite_database: Database, runtime: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A plant over SQLite whose server is not started."""
    with built(sqlite_database, runtime, tmp_path) as made:
        yield made


@pytest.fixture
def cluster(idle_cluster: Cluster) -> Iterator[Cluster]:
    """A plant over SQLite."""
    with idle_cluster.server():
        yield idle_cluster


@pytest.fixture
def hasty_cluster(idle_cluster: Cluster) -> Iterator[Cluster]:
    """A plant over SQLite with short leases."""
    with idle_cluster.server(lease=SHORT):
        yield idle_cluster


@pytest.fixture
def host(idle_cluster: Cluster) -> Host:
    """A host of that plant."""
    return idle_cluster.host()


@pytest.fixture
def any_plant(database: Database, runtime: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A plant over either kind of database."""
    with built(database, runtime, tmp_path) as made:
        yield made


@contextmanager
def built(database: Database, runtime: Path, folder: Path) -> Iterator[Cluster]:
    """A plant, where this machine can run one; nothing of it is left behind."""
    need("bwrap")
    if os.geteuid():
        lacking("only root can give each slot a user of its own")
    made = Cluster(database, folder, runtime)
    try:
        yield made
    finally:
        made.clear()
