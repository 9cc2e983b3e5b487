"""A repository of origin, and a checkout of it."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.worker.inputs import REPOSITORY
from tests.worker.sources.desk import Desk
from tests.worker.sources.origin import Origin


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def origin(desk: Desk) -> Origin:
    return Origin.make(desk.origins, REPOSITORY)
