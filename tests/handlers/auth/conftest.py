"""Somebody who may log in."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from tests.handlers.site import Site


@pytest.fixture(autouse=True)
def tester(request: pytest.FixtureRequest) -> int | None:
    """The account that most of these tests log in to."""
    if "site" not in request.fixturenames:
        return None
    found: Site = request.getfixturevalue("site")
    return found.account(Role.TESTER)
