"""Plants for tests of faults."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.execution.jobs.python_kit import host_kit
from tests.databases import Database
from tests.faults.plant import Host, Plant
from tests.parts import lacking, need


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of jobs, made once."""
    folder = tmp_path_factory.mktemp("kit")
    host_kit(folder)
    return folder


@pytest.fixture
def plant(database: Database, kit: Path, tmp_path: Path) -> Iterator[Plant]:
    """A plant over either kind of database."""
    need("bwrap")
    if os.geteuid():
        lacking("only root can give each slot a user of its own")
    made = Plant(database, tmp_path, kit)
    yield made
    made.clear()


@pytest.fixture
def host(plant: Plant) -> Host:
    """A host of the plant."""
    return plant.host()
