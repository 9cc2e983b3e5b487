"""Tokens: what they open, by whom they are listed and revoked, and what they die with."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role, Scope
from api.storage.auth import accounts
from api.storage.database import transaction
from api.storage.platform_tables import TokenRow
from tests.builders import NOW
from tests.handlers.auth.logins import CURRENT, TOKENS, login
from tests.handlers.site import Site, quick_hash


def test_a_token_opens_what_its_scopes_say(site: Site) -> None:
    client = site.client.as_(login(site, scopes=["runs:read"]).json()["token"])

    assert client.get("/api/v1/runs").status_code == 200
    assert client.get("/api/v1/system/queue").status_code == 403


def test_the_callers_live_tokens_are_listed_newest_first_without_values(site: Site, tester: int) -> None:
    site.as_role(Role.ADMIN)
    dead = site.as_user(tester)
    dead.delete(CURRENT)
    values = [login(site, token_name=name).json()["token"] for name in ("first", "second", "third")]

    answer = site.client.as_(values[1]).get(TOKENS, params={"limit": 2})

    listed = answer.json()
    assert [each["token_name"] for each in listed["data"]] == ["third", "second"]
    assert [each["current"] for each in listed["data"]] == [False, True]
    assert listed["pagination"] == {"limit": 2, "offset": 0, "total": 3, "next_offset": 2}
    assert not any(value in answer.text for value in values)


def test_revoking_the_current_token_ends_it_at_once_and_no_other(site: Site, tester: int) -> None:
    ended, kept = site.as_user(tester), site.as_user(tester)

    status = ended.delete(CURRENT).status_code

    assert status == 204
    assert (ended.get(TOKENS).status_code, kept.get(TOKENS).status_code) == (401, 200)


def test_an_own_token_is_revoked_by_its_id(site: Site, tester: int) -> None:
    lost = login(site).json()
    client = site.as_user(tester)

    status = client.delete(f"{TOKENS}/{lost['token_id']}").status_code
    again = client.delete(f"{TOKENS}/{lost['token_id']}")

    assert status == 204
    assert site.client.as_(lost["token"]).get(TOKENS).status_code == 401
    assert (again.status_code, again.json()["details"]["id"]) == (404, lost["token_id"])


@pytest.mark.parametrize("role", list(Role))
def test_nobody_can_revoke_or_tell_the_token_of_somebody_else(site: Site, role: Role) -> None:
    other = site.account(Role.USER, "somebody")
    token_id = login(site, email="somebody@example.test").json()["token_id"]

    foreign = site.as_role(role).delete(f"{TOKENS}/{token_id}")
    unknown = site.as_role(role).delete(f"{TOKENS}/{token_id + 1000}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["message"].replace(str(token_id), "N") == unknown.json()["message"].replace(str(token_id + 1000), "N")
    assert site.as_user(other).get(TOKENS).json()["pagination"]["total"] == 2


def test_a_new_password_ends_all_tokens_of_the_account(site: Site, tester: int) -> None:
    client, other = site.as_user(tester), site.as_role(Role.ADMIN)

    with transaction():
        accounts.record_password(tester, quick_hash("another password"))

    assert (client.get(TOKENS).status_code, other.get(TOKENS).status_code) == (401, 200)
    assert login(site, password="another password").status_code == 201


def test_a_disabled_account_is_out_at_once_and_back_when_it_is_enabled(site: Site, tester: int) -> None:
    client = site.as_user(tester)

    with transaction():
        accounts.record_disabled(tester, True)
    out = client.get(TOKENS).status_code
    with transaction():
        accounts.record_disabled(tester, False)

    assert (out, client.get(TOKENS).status_code) == (401, 200)


def test_a_new_role_counts_at_the_next_request(site: Site) -> None:
    admin = site.account(Role.ADMIN)
    client = site.as_user(admin)
    body = {"repository": "CCExtractor/ccextractor", "commit_sha": "a" * 40, "platform": "linux"}
    before = client.post("/api/v1/runs", json=body)

    with transaction():
        accounts.record_role(admin, Role.USER)
    after = client.post("/api/v1/runs", json=body)

    assert before.status_code == 422
    assert (after.status_code, after.json()["details"]["role"]) == (403, "user")


def test_a_scope_that_the_new_role_cannot_use_counts_no_longer(site: Site) -> None:
    admin = site.account(Role.ADMIN)
    client = site.as_user(admin, Scope.RUNS_READ, Scope.BASELINES_WRITE)
    path = "/api/v1/runs/1/samples/1/baseline-approval"

    with transaction():
        accounts.record_role(admin, Role.TESTER)
    answer = client.post(path)

    assert answer.status_code == 403
    assert answer.json()["details"]["token_scopes"] == ["runs:read"]


@pytest.mark.parametrize("header", [
    "Bearer", "Bearer ", "Bearer spci_unknown", "Basic dGVzdGVyOnBhc3N3b3Jk", "spci_unknown", "Bearer a b", "Bearer \u00e9",
    "Bearer " + "x" * 5000])
def test_a_header_that_is_no_live_token_is_401_with_a_challenge(site: Site, header: str) -> None:
    answer = site.client.get("/api/v1/runs", headers={"Authorization": header.encode("utf-8")})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="CI API"')


def test_a_token_that_is_off_by_one_letter_is_none(site: Site) -> None:
    value = login(site).json()["token"]
    changed = value[:-1] + ("A" if value[-1] != "A" else "B")

    assert site.client.as_(changed).get(TOKENS).status_code == 401
    assert site.client.as_(value[:16]).get(TOKENS).status_code == 401
    assert site.client.as_(value.upper()).get(TOKENS).status_code == 401


def test_the_stored_hash_is_no_token(site: Site) -> None:
    login(site)
    [row] = site.rows(select(TokenRow.token_hash))

    assert site.client.as_(row.token_hash).get(TOKENS).status_code == 401


def test_tokens_are_dated_by_the_servers_clock(site: Site) -> None:
    site.clock.advance(days=3)

    assert login(site).json()["created_at"] == f"{NOW.replace(day=24):%Y-%m-%dT%H:%M:%SZ}"
