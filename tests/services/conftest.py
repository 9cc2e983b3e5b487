"""Databases and stores of files, as the tests of storage have them; people who work on baselines."""
from __future__ import annotations

import pytest

from api.storage.files.backends import LocalBackend
from tests.databases import Database
from tests.services.results.reviewing import People, gathered
from tests.storage.conftest import empty_url, emulator, kept, local, shared_emulator, store

__all__ = ["empty_url", "emulator", "kept", "local", "shared_emulator", "store"]


@pytest.fixture
def people(database: Database, local: LocalBackend) -> People:
    """Two admins and somebody who asks, on either database."""
    return gathered(local)
