"""GitHub, asked for one thing: whose a token is."""
from __future__ import annotations

import logging
import re

import httpx

log = logging.getLogger(__name__)

LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\Z")


class GitHub:
    """GitHub's REST API at a base URL; `timeout` in seconds bounds every question."""

    def __init__(self, base_url: str, *, timeout: float, transport: httpx.BaseTransport | None = None) -> None:
        self._base_url, self._timeout, self._transport = base_url, timeout, transport

    def login_of(self, token: str) -> str | None:
        """The login that a user's token belongs to; None where GitHub does not say, or does not answer in time."""
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        try:
            with httpx.Client(timeout=self._timeout, transport=self._transport, trust_env=False) as client:
                response = client.get(f"{self._base_url}/user", headers=headers)
                login = response.json().get("login") if response.is_success else None
        except (httpx.HTTPError, ValueError, AttributeError) as failed:
            log.warning("GitHub did not tell whose a token is: %s", type(failed).__name__)
            return None
        return login if isinstance(login, str) and LOGIN.match(login) else None
