"""GitHub's users and pull requests' heads, through its REST API."""
from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from api.domain.auth.run_permission import PullRequestHead

log = logging.getLogger(__name__)

LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\Z")
MAX_NUMBER = 2**63 - 1


class GitHubSilent(Exception):
    """GitHub did not answer, or not as it should: nobody knows what it would have said."""


@dataclass(frozen=True, slots=True)
class GitHubUser:
    """A user of GitHub. The number is theirs for good; the login may be changed, and be somebody else's afterwards."""

    login: str
    number: int


class GitHub:
    """GitHub's REST API at a base URL; `timeout` in seconds bounds every question.

    `token` is ours, empty for none: GitHub answers more questions an hour to whoever shows one.
    """

    def __init__(
        self, base_url: str, *, timeout: float = 5, token: str = "", transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base_url, self._timeout, self._token, self._transport = base_url, timeout, token, transport

    def owner_of(self, token: str) -> GitHubUser | None:
        """The user that a token belongs to; None for a token that GitHub does not know any more. Raises GitHubSilent."""
        return _user(self._ask("/user", token, refused=(httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)))

    def find_user(self, login: str) -> GitHubUser | None:
        """The user who has this login now; None for nobody. Raises GitHubSilent."""
        return _user(self._ask(f"/users/{login}", self._token)) if LOGIN.match(login) else None

    def find_user_by_number(self, number: int) -> GitHubUser | None:
        """The user of this number, with the login of now; None for one that is gone. Raises GitHubSilent."""
        return _user(self._ask(f"/user/{number}", self._token))

    def find_pull_request_head(self, repository: str, number: int) -> PullRequestHead:
        """Where a pull request of a repository comes from, and its newest commit. Raises GitHubSilent."""
        answer = self._ask(f"/repos/{repository}/pulls/{number}", self._token)
        head = _mapping(None if answer is None else answer.get("head"))
        return PullRequestHead(_text(_mapping(head.get("repo")).get("full_name")), _text(head.get("sha")))

    def _ask(self, path: str, token: str, refused: tuple[int, ...] = ()) -> Mapping[str, Any] | None:
        """The answer; None where there is no such thing, or GitHub answers with one of the statuses `refused`."""
        headers = {"Accept": "application/vnd.github+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            with httpx.Client(timeout=self._timeout, transport=self._transport, trust_env=False) as client:
                response = client.get(f"{self._base_url}{path}", headers=headers)
                if response.status_code in (httpx.codes.NOT_FOUND, *refused):
                    return None
                answer = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError, RecursionError) as failed:
            log.warning("GitHub was asked, and did not answer: %s", type(failed).__name__)
            raise GitHubSilent from failed
        if not isinstance(answer, dict):
            raise GitHubSilent
        return answer


def _user(answer: Mapping[str, Any] | None) -> GitHubUser | None:
    if answer is None:
        return None
    login, number = answer.get("login"), answer.get("id")
    if not isinstance(login, str) or not LOGIN.match(login) or type(number) is not int or not 0 < number <= MAX_NUMBER:
        raise GitHubSilent
    return GitHubUser(login, number)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
