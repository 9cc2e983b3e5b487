"""Plants for tests of faults."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.jobs.project.python_runtime import host_kit
from tests.databases import Database
from tests.faults.agent_hosts import Host, Plant
from tests.parts import lacking, need


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of jobs, made once."""
    folder = tmp_path_factory.mktemp("kit")
    host_kit(folder)
    return folder


@pytest.fixture
def plant(sqlite_database: Database, kit: Path, tmp_path: Path) -> Iterator[Plant]:
    """A plant over SQLite."""
    with built(sqlite_database, kit, tmp_path) as made:
        yield made


@pytest.fixture
def host(plant: Plant) -> Host:
    """A host of that plant."""
    return plant.host()


@pytest.fixture
def any_plant(database: Database, kit: Path, tmp_path: Path) -> Iterator[Plant]:
    """A plant over either kind of database."""
    with built(database, kit, tmp_path) as made:
        yield made


@contextmanager
def built(database: Database, kit: Path, folder: Path) -> Iterator[Plant]:
    """A plant, where this machine can run one; nothing of it is left behind."""
    need("bwrap")
    if os.geteuid():
        lacking("only root can give each slot a user of its own")
    made = Plant(database, folder, kit)
    try:
        yield made
    finally:
        made.clear()
