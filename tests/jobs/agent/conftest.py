"""Where agents of tests work."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Database
from tests.jobs.agent.agents import Works


@pytest.fixture
def works(database: Database, tmp_path: Path) -> Iterator[Works]:
    made = Works(database, tmp_path)
    yield made
    made.supervisors.clear()
