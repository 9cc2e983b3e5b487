"""Somebody who may trigger runs."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from contract.client import ValidatingClient
from tests.handlers.site import Site


@pytest.fixture
def tester(site: Site) -> ValidatingClient:
    """A client of staff."""
    return site.as_role(Role.TESTER)
