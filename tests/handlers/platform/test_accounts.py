"""Tokens and accounts, in the words of the platform."""
from __future__ import annotations

from api.domain.auth.access import Role, Scope
from tests.builders import add_user
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


def test_a_name_is_changed_by_whoever_has_it(site: Site) -> None:
    client = site.as_role(Role.USER)

    changed = client.patch(f"{BASE}/auth/me", json={"name": "Ada"})

    assert (changed.status_code, changed.json()["name"], ask(client, "/auth/me")["name"]) == (200, "Ada", "Ada")


def test_an_address_and_a_password_are_changed_by_whoever_knows_the_current_one(site: Site) -> None:
    client, new = site.as_role(Role.ADMIN), "seven tin lanterns drift north"

    refused = [
        client.patch(f"{BASE}/auth/me", json={"name": "Ada", "email": "ada@example.test", **more}).status_code
        for more in ({}, {"current_password": "another one"})]
    changed = client.patch(
        f"{BASE}/auth/me", json={"email": "ada@example.test", "current_password": PASSWORD, "new_password": new})
    token = site.client.post(f"{BASE}/auth/tokens", json=LOGIN | {"email": "ada@example.test", "password": new})

    assert (refused, changed.status_code, changed.json()["email"], changed.json()["name"]) == ([400, 403], 200, "ada@example.test", "admin")
    assert (token.status_code, client.get(f"{BASE}/auth/me").status_code) == (201, 401)


def test_a_name_or_an_address_of_another_account_is_not_taken(site: Site) -> None:
    site.account(Role.USER)
    client = site.as_role(Role.ADMIN)

    taken = [
        client.patch(f"{BASE}/auth/me", json={**wish, "current_password": PASSWORD}).status_code
        for wish in ({"name": "user"}, {"email": "USER@example.test"})]

    assert taken == [409, 409]
    assert ask(client, "/auth/me")["email"] == "admin@example.test"


def test_the_platforms_token_of_a_github_account_is_forgotten_and_its_login_is_not(site: Site) -> None:
    client = site.as_user(add_user("ada", github_login="ada", github_token="gho_secret"))

    linked = ask(client, "/auth/me/github")["linked"]
    forgotten = client.delete(f"{BASE}/auth/me/github").json()

    assert (linked, forgotten) == (True, {"linked": False, "github_login": "ada"})
