"""GitHub's authorisation code flow with PKCE: where a reader is sent, and whom a code stands for."""
from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from api.integrations.github.identity import GitHub, GitHubSilent, GitHubUser

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GitHubAuthorization:
    """An OAuth application at GitHub, by its id and secret; `base_url` is where people log in. Empty `client_id`: there is none."""

    base_url: str
    client_id: str
    client_secret: str
    api: GitHub
    timeout: float = 5
    transport: httpx.BaseTransport | None = None

    def __repr__(self) -> str:
        return f"GitHubAuthorization({self.client_id!r})"

    def address(self, state: str, verifier: str, callback: str) -> str:
        """Where a reader is asked whether this server may know who they are; no right to anything else is asked for."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        return f"{self.base_url}/login/oauth/authorize?" + urlencode({
            "client_id": self.client_id, "redirect_uri": callback, "state": state, "code_challenge": challenge,
            "code_challenge_method": "S256", "allow_signup": "false"})

    def find_user(self, code: str, verifier: str, callback: str) -> GitHubUser | None:
        """The user whom a code stands for; None for a code that GitHub does not take. Raises GitHubSilent."""
        token = self._exchange(code, verifier, callback)
        return None if token is None else self.api.owner_of(token)

    def _exchange(self, code: str, verifier: str, callback: str) -> str | None:
        try:
            with httpx.Client(timeout=self.timeout, transport=self.transport, trust_env=False, follow_redirects=False) as client:
                answer = client.post(f"{self.base_url}/login/oauth/access_token", headers={"Accept": "application/json"}, data={
                    "client_id": self.client_id, "client_secret": self.client_secret, "code": code, "code_verifier": verifier,
                    "redirect_uri": callback}).raise_for_status().json()
        except (httpx.HTTPError, ValueError, RecursionError) as failed:
            log.warning("GitHub was asked for a token, and did not answer: %s", type(failed).__name__)
            raise GitHubSilent from failed
        token = answer.get("access_token") if isinstance(answer, dict) else None
        return token if isinstance(token, str) and token.isascii() and token.isprintable() and 0 < len(token) <= 500 else None
