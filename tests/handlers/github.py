"""A stand-in for GitHub's API, as far as it tells of users and pull requests."""
from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, cast

import httpx

from api.integrations.github.identity import GitHub
from tests.builders import MAIN_REPOSITORY
from tests.handlers.site import Site


@dataclass
class GitHubStandIn:
    """Users by their numbers, tokens with the numbers of their owners, and the heads of the main repository's pull requests."""

    users: dict[int, str] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    heads: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What the API says."""
        path = request.url.path
        self.asked.append(path)
        if self.away:
            return httpx.Response(503, content=b"<h1>Unicorn!</h1>")
        if path == "/user":
            number = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
            return self._user(number) if number is not None else httpx.Response(401, json={"message": "Bad credentials"})
        if path.startswith("/user/"):
            return self._user(int(path.rpartition("/")[2]))
        if path.startswith("/users/"):
            logins = {login.lower(): number for number, login in self.users.items()}
            return self._user(logins.get(path.rpartition("/")[2].lower()))
        if path.startswith(f"/repos/{MAIN_REPOSITORY}/pulls/"):
            return self._pull_request(int(path.rpartition("/")[2]))
        return httpx.Response(404, json={"message": "Not Found"})

    def _user(self, number: int | None) -> httpx.Response:
        if number not in self.users:
            return httpx.Response(404, json={"message": "Not Found"})
        return httpx.Response(200, json={"login": self.users[number], "id": number, "type": "User"})

    def _pull_request(self, number: int) -> httpx.Response:
        if number not in self.heads:
            return httpx.Response(404, json={"message": "Not Found"})
        repository, commit = self.heads[number]
        head: dict[str, Any] = {"sha": commit, "repo": None if repository is None else {"full_name": repository}}
        return httpx.Response(200, content=json.dumps({"number": number, "head": head}))

    def client(self) -> GitHub:
        """What the server asks it through."""
        return GitHub("https://api.github.test", timeout=5, transport=httpx.MockTransport(self.answer))


def connect(site: Site, github: GitHubStandIn) -> GitHub:
    """Have the server ask the stand-in; returns what it has asked through so far."""
    collaborators = cast(MutableMapping[type[Any], Any], site.app.app_context.collaborators)
    before: GitHub = collaborators[GitHub]
    collaborators[GitHub] = github.client()
    return before
