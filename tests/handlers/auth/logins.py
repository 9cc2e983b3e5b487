"""Logins over HTTP, and where tokens are."""
from __future__ import annotations

from typing import Any

from tests.handlers.site import PASSWORD, Site

TOKENS = "/api/v1/auth/tokens"
CURRENT = f"{TOKENS}/current"


def login(site: Site, **changes: Any) -> Any:
    """Ask for a token as the tester's account."""
    body = {"email": "tester@example.test", "password": PASSWORD, "token_name": "agent"}
    return site.client.post(TOKENS, json=body | changes)
