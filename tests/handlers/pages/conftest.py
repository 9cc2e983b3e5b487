"""Readers of the pages, whose answers keep the pages' document."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from api.domain.auth.access import Role
from contract.documents import load_pages
from tests.handlers.site import PASSWORD, Client, Site

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
Reader = Callable[[Role], Client]


@pytest.fixture
def visitor(site: Site) -> Client:
    """Somebody without a session."""
    return Client(site.app, documents=(load_pages(),))


@pytest.fixture
def reader(site: Site, visitor: Client) -> Reader:
    """Somebody of a role who has logged in with a password."""
    def log_in(role: Role) -> Client:
        site.account(role)
        answer = visitor.post("/login", data={"email": f"{role.value}@example.test", "password": PASSWORD}, headers=SAME_ORIGIN)
        return visitor.with_headers(Cookie=answer.headers["set-cookie"].partition(";")[0], **SAME_ORIGIN)

    return log_in
