"""Admins keep accounts and switches."""
from __future__ import annotations

import json
import logging

import pytest

from api.domain.auth.access import Role
from tests.handlers.site import PASSWORD, Client, Site

USERS, MAINTENANCE = "/api/v1/users", "/api/v1/system/maintenance"


@pytest.fixture
def client(site: Site) -> Client:
    """An admin."""
    return site.as_role(Role.ADMIN)


def test_accounts_are_listed_without_their_secrets(site: Site, client: Client) -> None:
    ada = site.account(Role.TESTER, "ada", github_login="ada-at-github", github_token="a secret")

    listed = client.get(USERS).json()["data"]

    assert listed[1] == client.get(f"{USERS}/{ada}").json() == {
        "user_id": ada, "name": "ada", "email": "ada@example.test", "role": "tester", "github_login": "ada-at-github", "disabled": False}
    assert [each["name"] for each in listed] == ["admin", "ada"]


def test_a_role_counts_from_the_next_request_on(site: Site, client: Client) -> None:
    ada = site.account(Role.TESTER, "ada")
    hers = site.as_user(ada)
    before = hers.post("/api/v1/tags", json={"name": "one"}).status_code

    changed = client.patch(f"{USERS}/{ada}", json={"role": "contributor"})

    assert (before, changed.json()["role"], hers.post("/api/v1/tags", json={"name": "one"}).status_code) == (403, "contributor", 201)


def test_a_disabled_account_loses_its_tokens_for_good_and_cannot_log_in(site: Site, client: Client) -> None:
    ada = site.account(Role.TESTER, "ada")
    hers = site.as_user(ada)
    login = {"email": "ada@example.test", "password": PASSWORD, "token_name": "new", "scopes": ["runs:read"]}

    disabled = client.patch(f"{USERS}/{ada}", json={"disabled": True}).json()["disabled"]
    refused = [hers.get("/api/v1/runs").status_code, site.client.post("/api/v1/auth/tokens", json=login).status_code]
    client.patch(f"{USERS}/{ada}", json={"disabled": False})

    assert (disabled, refused) == (True, [401, 401])
    assert hers.get("/api/v1/runs").status_code == 401
    assert site.client.post("/api/v1/auth/tokens", json=login).status_code == 201


@pytest.mark.parametrize("body", [{"role": "user"}, {"role": "admin"}, {"disabled": True}])
def test_nobody_changes_their_own_account(site: Site, client: Client, body: dict[str, object]) -> None:
    own = f"{USERS}/{site.account(Role.ADMIN)}"

    assert client.patch(own, json=body).status_code == 403
    assert (client.get(own).json()["role"], client.get(own).json()["disabled"]) == ("admin", False)


def test_an_account_that_there_is_not_is_404(client: Client) -> None:
    assert client.patch(f"{USERS}/4711", json={"role": "user"}).status_code == 404


def test_a_platform_is_put_under_maintenance_and_taken_out(site: Site, client: Client) -> None:
    before = site.client.get("/maintenance-mode/windows").text
    client.put(f"{MAINTENANCE}/windows", json={"disabled": True})
    during = site.client.get("/maintenance-mode/windows").text, client.get(MAINTENANCE).json()["data"]
    client.put(f"{MAINTENANCE}/windows", json={"disabled": False})

    assert (before, during[0], site.client.get("/maintenance-mode/windows").text) == ("False", "True", "False")
    assert during[1] == [{"platform": "linux", "disabled": False}, {"platform": "windows", "disabled": True}]


def test_who_changed_an_account_or_a_switch_stands_in_the_audit_log(
    site: Site, client: Client, caplog: pytest.LogCaptureFixture,
) -> None:
    ada = site.account(Role.TESTER, "ada")
    with caplog.at_level(logging.INFO, "api.audit"):
        client.patch(f"{USERS}/{ada}", json={"role": "user", "disabled": True})
        client.put(f"{MAINTENANCE}/linux", json={"disabled": True})

    told = [json.loads(record.getMessage()) for record in caplog.records if record.name == "api.audit"]
    assert [(each["event"], each["subject"], each["detail"]) for each in told] == [
        ("account_disabled", f"user:{ada}", None), ("role_changed", f"user:{ada}", "to user"),
        ("maintenance_changed", "platform:linux", "disabled")]
    assert {each["actor_id"] for each in told} == {site.account(Role.ADMIN)}
