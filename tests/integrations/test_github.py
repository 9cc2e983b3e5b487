"""GitHub's answers: of users and pull requests, and everything that is no answer."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.domain.auth.run_permission import PullRequestHead
from api.integrations.github.identity import GitHub, GitHubSilent, GitHubUser

ADA = {"login": "ada", "id": 123}


def asking(answer: Callable[[httpx.Request], httpx.Response], token: str = "") -> GitHub:
    return GitHub("https://api.github.test", timeout=5, token=token, transport=httpx.MockTransport(answer))


def saying(status: int, **rest: Any) -> GitHub:
    return asking(lambda request: httpx.Response(status, **rest))


def raising(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("too slow")


def test_each_question_goes_to_its_own_address_with_the_token_that_it_is_about() -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, request.headers.get("Authorization")))
        return httpx.Response(200, json=ADA | {"head": {"sha": "c", "repo": {"full_name": "a/b"}}})

    github = asking(answer, "ours")
    found = [github.owner_of("theirs"), github.find_user("ada"), github.find_user_by_number(123)]
    head = github.find_pull_request_head("o/r", 7)

    assert found == [GitHubUser("ada", 123)] * 3
    assert head == PullRequestHead("a/b", "c")
    assert asked == [
        ("/user", "Bearer theirs"), ("/users/ada", "Bearer ours"), ("/user/123", "Bearer ours"), ("/repos/o/r/pulls/7", "Bearer ours")]


def test_what_is_not_there_is_nobody_and_no_head() -> None:
    github = saying(404, json={"message": "Not Found"})

    assert (github.find_user("ada"), github.find_user_by_number(1)) == (None, None)
    assert github.find_pull_request_head("o/r", 7) == PullRequestHead(None, None)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_github_refuses_is_nobodys(status: int) -> None:
    assert saying(status).owner_of("revoked") is None


@pytest.mark.parametrize("login", ["", "-a", "a/b", "a b", "../user", "a" * 40, "ada\n", "é"])
def test_what_is_no_login_is_never_asked_for(login: str) -> None:
    assert asking(raising).find_user(login) is None


@pytest.mark.parametrize("github", [
    asking(raising), saying(500), saying(429), saying(403), saying(200, content=b"<html>"), saying(200, json=[]),
    saying(200, json=ADA | {"id": 0}), saying(200, json=ADA | {"id": "123"}), saying(200, json=ADA | {"id": True}),
    saying(200, json=ADA | {"id": 2**63}), saying(200, json={"id": 1}), saying(200, json={"id": 1, "login": "a/b"}),
    saying(302, headers={"Location": "https://else.test"}),
    saying(200, content=b"[" * 100_000)])
def test_everything_else_is_silence(github: GitHub) -> None:
    with pytest.raises(GitHubSilent):
        github.find_user_by_number(123)


@pytest.mark.parametrize("head", [None, [], {}, {"sha": 1, "repo": 1}, {"sha": None, "repo": {"full_name": 1}}])
def test_a_pull_request_without_a_head_confirms_nothing(head: object) -> None:
    assert saying(200, json={"head": head}).find_pull_request_head("o/r", 7) == PullRequestHead(None, None)
