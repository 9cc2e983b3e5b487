"""Somebody who may trigger runs; a bucket."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from contract.client import ValidatingClient
from tests.handlers.site import Site
from tests.storage.conftest import emulator, shared_emulator

__all__ = ["emulator", "shared_emulator"]


@pytest.fixture
def tester(site: Site) -> ValidatingClient:
    """A client of staff."""
    return site.as_role(Role.TESTER)
