"""The way in by GitHub: state, PKCE, and whose account it is."""
from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from api.domain.auth.access import Role
from api.integrations.github.authorization import GitHubAuthorization
from api.storage.auth import accounts
from api.storage.database import transaction
from contract.documents import load_pages
from tests.handlers.github import GitHubStandIn
from tests.handlers.pages.conftest import SAME_ORIGIN, Reader
from tests.handlers.site import Client, Site

TOKEN, CODE, NUMBER = "gho_token", "a code", 4711


class Authorizing(GitHubStandIn):
    """A stand-in that gives a token for a code, to whoever knows the verifier of the challenge that it was asked with."""

    challenge = ""
    answer_to_code: Mapping[str, Any] | bytes | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/login/oauth/access_token":
            return super().answer(request)
        sent = dict(parse_qsl(request.content.decode()))
        proof = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).decode().rstrip("=")
        if isinstance(self.answer_to_code, bytes):
            return httpx.Response(200, content=self.answer_to_code)
        if self.answer_to_code is not None:
            return httpx.Response(200, json=self.answer_to_code)
        is_right = (sent["code"], sent["client_secret"], proof) == (CODE, "secret", self.challenge)
        return httpx.Response(200, json={"access_token": TOKEN} if is_right else {"error": "bad_verification_code"})


@pytest.fixture
def github(site: Site, monkeypatch: pytest.MonkeyPatch) -> Authorizing:
    """GitHub, with one user, to whom the token belongs."""
    stand_in = Authorizing(users={NUMBER: "octocat"}, tokens={TOKEN: NUMBER})
    application = GitHubAuthorization(
        "https://github.test", "client", "secret", stand_in.client(), transport=httpx.MockTransport(stand_in.answer))
    monkeypatch.setitem(site.app.app_context.collaborators, GitHubAuthorization, application)
    return stand_in


def begin(visitor: Client, github: Authorizing, wanted: str = "/runs") -> tuple[str, str]:
    """The state and the cookie of a login that was begun."""
    answer = visitor.get("/login/github", params={"next": wanted})
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    github.challenge = asked["code_challenge"][0]
    return asked["state"][0], answer.headers["set-cookie"].partition(";")[0]


def finish(visitor: Client, state: str, cookie: str, code: str = CODE) -> Any:
    return visitor.get("/login/github/callback", params={"state": state, "code": code}, headers={"Cookie": cookie})


def session_of(answer: Any) -> str:
    cookies = [value.partition(";")[0] for value in answer.headers.get_list("set-cookie")]
    return next(cookie for cookie in cookies if cookie.startswith("ci_session="))


def test_somebody_new_gets_an_account_of_their_own_and_goes_on(visitor: Client, github: Authorizing) -> None:
    answer = finish(visitor, *begin(visitor, github, "/runs?status=fail"))

    found = accounts.find_account_by_github_number(NUMBER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?status=fail")
    assert found is not None and (found.role, found.github_login) == (Role.USER, "octocat")
    assert visitor.with_headers(Cookie=session_of(answer)).get("/runs").status_code == 200


def test_the_line_of_a_log_that_was_wanted_is_led_to(visitor: Client, github: Authorizing) -> None:
    answer = finish(visitor, *begin(visitor, github, "/runs/1/log#L900"))

    assert answer.headers["location"] == "/runs/1/log#L900"


def test_who_comes_again_has_the_same_account_under_whatever_name(visitor: Client, github: Authorizing) -> None:
    finish(visitor, *begin(visitor, github))
    first = accounts.find_account_by_github_number(NUMBER)
    github.users[NUMBER] = "renamed"

    finish(visitor, *begin(visitor, github))

    again = accounts.find_account_by_github_number(NUMBER)
    assert first is not None and again is not None and again.user_id == first.user_id
    assert again.github_login == "renamed"


def test_who_is_logged_in_links_the_account(site: Site, visitor: Client, reader: Reader, github: Authorizing) -> None:
    holder = reader(Role.CONTRIBUTOR)
    state, cookie = begin(visitor, github)

    finish(visitor, state, f"{cookie}; {holder._headers['Cookie']}")

    found = accounts.find_account_by_github_number(NUMBER)
    assert found is not None and found.user_id == site.account(Role.CONTRIBUTOR)


def test_a_login_without_a_number_is_not_taken_over_by_who_has_the_name_now(
    site: Site, visitor: Client, github: Authorizing,
) -> None:
    site.account(Role.ADMIN, github_login="Octocat")

    answer = finish(visitor, *begin(visitor, github))

    assert answer.status_code == 409
    assert accounts.find_account_by_github_number(NUMBER) is None


def test_a_state_that_the_browser_did_not_keep_is_refused(visitor: Client, github: Authorizing) -> None:
    state, cookie = begin(visitor, github)
    other, _ = begin(visitor, github)

    tried = [(other, cookie), (state, ""), (state, cookie + "x"), ("", cookie)]
    answers = [finish(visitor, *each) for each in tried]

    assert {answer.status_code for answer in answers} == {403}


def test_a_code_of_somebody_else_is_refused(visitor: Client, github: Authorizing) -> None:
    state, cookie = begin(visitor, github)

    assert finish(visitor, state, cookie, code="another").status_code == 403


@pytest.mark.parametrize("answer", [b"<h1>Unicorn!</h1>", b"[" * 100_000])
def test_when_github_makes_no_sense_the_login_waits(visitor: Client, github: Authorizing, answer: bytes) -> None:
    github.answer_to_code = answer

    assert finish(visitor, *begin(visitor, github)).status_code == 503


@pytest.mark.parametrize("token", [None, 5, "", "line\nbreak", "x" * 501, "ü"])
def test_a_token_that_is_none_is_refused(visitor: Client, github: Authorizing, token: object) -> None:
    github.answer_to_code = {"access_token": token}

    assert finish(visitor, *begin(visitor, github)).status_code == 403


def test_a_disabled_account_stays_outside(visitor: Client, github: Authorizing) -> None:
    finish(visitor, *begin(visitor, github))
    found = accounts.find_account_by_github_number(NUMBER)
    assert found is not None
    with transaction():
        accounts.record_disabled(found.user_id, True)

    assert finish(visitor, *begin(visitor, github)).status_code == 403


def test_without_an_application_there_is_no_such_way(site: Site) -> None:
    visitor = Client(site.app, documents=(load_pages(),)).with_headers(**SAME_ORIGIN)

    assert visitor.get("/login/github").status_code == 404
    assert "GitHub" not in visitor.get("/login").text
