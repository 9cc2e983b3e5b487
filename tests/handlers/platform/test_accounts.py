"""Tokens and accounts, in the words of the platform."""
from __future__ import annotations

from api.domain.auth.access import Role, Scope
from tests.handlers.platform.test_run_reads import BASE, ask
from tests.handlers.site import PASSWORD, Site

LOGIN = {"email": "admin@example.test", "password": PASSWORD, "token_name": "desk"}


def test_a_token_of_one_api_works_on_the_other(site: Site) -> None:
    site.account(Role.ADMIN)

    theirs = site.client.post(f"{BASE}/auth/tokens", json=LOGIN | {"scopes": ["tokens:manage", "runs:read"]}).json()["token"]
    ours = site.client.post("/api/v1/auth/tokens", json=LOGIN | {"token_name": "chair"}).json()["token"]

    assert site.client.as_(theirs).get("/api/v1/auth/me").json()["scopes"] == ["runs:read"]
    assert ask(site.client.as_(ours), "/auth/me")["scopes"] == ["results:read", "runs:read"]


def test_a_login_asks_for_little_unless_it_says_more(site: Site) -> None:
    site.account(Role.ADMIN)

    token = site.client.post(f"{BASE}/auth/tokens", json=LOGIN).json()

    assert (token["token_type"], token["scopes"]) == ("bearer", ["results:read", "runs:read"])


def test_the_scopes_of_admins_are_refused_to_others(site: Site) -> None:
    site.account(Role.CONTRIBUTOR)

    answer = site.client.post(
        f"{BASE}/auth/tokens", json=LOGIN | {"email": "contributor@example.test", "scopes": ["system:write", "runs:read"]})

    assert (answer.status_code, answer.json()["details"]["required_roles"]) == (403, ["admin"])


def test_tokens_that_are_over_are_listed_and_those_of_others_where_they_are_asked_for(site: Site) -> None:
    client, other = site.as_role(Role.ADMIN), site.as_role(Role.USER)
    site.as_role(Role.ADMIN).delete(f"{BASE}/auth/tokens/current")
    other.get(f"{BASE}/auth/me")

    own, everybody = ask(client, "/auth/tokens")["data"], ask(client, "/auth/tokens", all="true")["data"]

    assert sorted(token["is_revoked"] for token in own) == [False, True]
    assert {token["user_id"] for token in everybody} == {site.account(Role.ADMIN), site.account(Role.USER)}


def test_accounts_are_listed_for_admins(site: Site) -> None:
    site.account(Role.TESTER, github_login="tess")

    found = ask(site.as_role(Role.ADMIN, Scope.TOKENS_MANAGE), "/users")["data"]

    assert [(user["role"], user["github_linked"]) for user in found] == [("tester", True), ("admin", False)]


def test_the_platform_switches_are_shown(site: Site) -> None:
    assert ask(site.as_role(Role.ADMIN), "/system/maintenance") == {
        "platforms": [{"platform": "linux", "disabled": False}, {"platform": "windows", "disabled": False}]}
