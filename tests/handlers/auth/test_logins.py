"""Logins: the tokens that they give, and those that fail."""
from __future__ import annotations

from typing import Any

import pytest
from passlib.hash import bcrypt, sha256_crypt, sha512_crypt
from sqlalchemy import select

from api.domain.auth.access import Role
from api.storage.auth import accounts
from api.storage.database import transaction
from api.storage.platform_tables import TokenRow
from tests.handlers.auth.logins import CURRENT, TOKENS, login
from tests.handlers.conftest import MakeSite
from tests.handlers.site import PASSWORD, Site


def test_a_token_has_the_defaults_of_the_document(site: Site) -> None:
    answer = login(site)

    issued = answer.json()
    assert answer.status_code == 201
    assert issued["scopes"] == ["results:read", "runs:read"]
    assert (issued["created_at"], issued["expires_at"]) == ("2026-11-21T12:00:00Z", "2026-12-21T12:00:00Z")
    assert issued["token_type"] == "Bearer"


def test_a_tokens_value_has_the_promised_form_and_is_not_stored(site: Site) -> None:
    value = login(site).json()["token"]

    [row] = site.rows(select(TokenRow.token_hash, TokenRow.token_prefix, TokenRow.scopes_json))
    assert value.startswith("spci_") and len(value) == len("spci_") + 43
    assert row.token_prefix == value[:16]
    assert value not in "".join(row)


def test_a_token_may_have_no_scope_at_all(site: Site) -> None:
    client = site.client.as_(login(site, scopes=[]).json()["token"])

    assert client.get(TOKENS).status_code == 200
    assert client.get("/api/v1/runs").status_code == 403


@pytest.mark.parametrize("days", [1, 90])
def test_a_token_lives_as_many_days_as_were_asked_for(site: Site, days: int) -> None:
    client = site.client.as_(login(site, expires_in_days=days).json()["token"])

    site.clock.advance(days=days, seconds=-1)
    before = client.get("/api/v1/runs").status_code
    site.clock.advance(seconds=1)
    after = client.get("/api/v1/runs").status_code

    assert (before, after) == (200, 401)


@pytest.mark.parametrize("days", [0, 91, -1, "7", 1.5, None])
def test_other_lifetimes_are_refused_by_name(site: Site, days: object) -> None:
    answer = login(site, expires_in_days=days)

    assert answer.status_code == 400
    assert list(answer.json()["details"]["fields"]) == ["expires_in_days"]


def test_the_case_of_an_address_does_not_matter(site: Site) -> None:
    assert login(site, email="TESTER@Example.TEST").status_code == 201


def test_every_login_that_fails_gets_the_same_answer(site: Site) -> None:
    site.account(Role.USER, "gone", disabled=True)

    answers = [
        login(site, password="wrong password"), login(site, email="nobody@example.test"), login(site, email="gone@example.test")]

    bodies = [answer.json() | {"details": None} for answer in answers]
    assert {answer.status_code for answer in answers} == {401}
    assert bodies == [bodies[0]] * 3
    assert bodies[0]["code"] == "invalid_credentials"
    assert {frozenset(answer.json()["details"]) for answer in answers} == {frozenset({"remedy", "request_id"})}


def test_the_right_password_of_another_account_lets_nobody_in(site: Site) -> None:
    site.account(Role.USER, "other")

    answer = login(site, email="other@example.test", password=PASSWORD + "!")

    assert answer.status_code == 401


def test_an_account_without_a_usable_hash_lets_nobody_in(site: Site, tester: int) -> None:
    with transaction():
        accounts.record_password(tester, "*")

    assert login(site, password="*" * 8).status_code == 401


@pytest.mark.parametrize("scheme", [sha256_crypt.using(rounds=1000), sha512_crypt.using(rounds=1000), bcrypt.using(rounds=4)])
def test_hashes_of_the_platforms_kinds_are_known(site: Site, tester: int, scheme: Any) -> None:
    with transaction():
        accounts.record_password(tester, scheme.hash(PASSWORD))

    assert login(site).status_code == 201


def test_a_password_with_a_nul_is_wrong_and_no_crash(site: Site) -> None:
    assert login(site, password="eight\0eight").status_code == 401


def test_a_name_in_use_is_a_conflict(site: Site) -> None:
    login(site)

    answer = login(site)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_two_accounts_may_use_the_same_name(site: Site) -> None:
    site.account(Role.USER)
    login(site)

    assert login(site, email="user@example.test").status_code == 201


def test_the_name_of_a_revoked_token_is_free_again(site: Site) -> None:
    site.client.as_(login(site).json()["token"]).delete(CURRENT)

    again = login(site)

    assert again.status_code == 201
    assert site.client.as_(again.json()["token"]).get(TOKENS).json()["pagination"]["total"] == 1


def test_the_name_of_an_expired_token_is_free_again(site: Site) -> None:
    login(site, expires_in_days=1)
    site.clock.advance(days=1)

    assert [login(site).status_code, login(site).status_code] == [201, 409]


def test_a_long_name_can_be_used_again_and_again(site: Site) -> None:
    name = "n" * 50

    for _ in range(12):
        issued = login(site, token_name=name)
        assert site.client.as_(issued.json()["token"]).delete(CURRENT).status_code == 204

    assert issued.json()["token_name"] == name


def test_of_two_logins_at_once_with_one_name_one_succeeds(site: Site) -> None:
    answers = site.together(*[lambda: login(site).status_code] * 4)

    assert sorted(answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 201), (Role.CONTRIBUTOR, 201), (Role.TESTER, 403), (Role.USER, 403)])
def test_a_scope_that_the_role_can_never_use_is_refused(site: Site, role: Role, status: int) -> None:
    site.account(role)

    answer = login(site, email=f"{role.value}@example.test", scopes=["runs:read", "baselines:write"])

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["details"]["required_roles"] == ["admin", "contributor"]


@pytest.mark.parametrize(("changes", "field"), [
    ({"email": "no address"}, "email"), ({"email": None}, "email"), ({"password": "short"}, "password"),
    ({"password": "p" * 129}, "password"),
    ({"token_name": "two words"}, "token_name"), ({"token_name": "name\n"}, "token_name"), ({"token_name": "n" * 51}, "token_name"),
    ({"scopes": ["runs:read", "runs:read"]}, "scopes"), ({"scopes": ["everything"]}, "scopes.0"),
    ({"scopes": "runs:read"}, "scopes"),
    ({"admin": True}, "admin")])
def test_a_malformed_login_names_its_field(site: Site, changes: dict[str, object], field: str) -> None:
    answer = login(site, **changes)

    assert answer.status_code == 400
    assert list(answer.json()["details"]["fields"]) == [field]


def test_five_logins_in_a_quarter_of_an_hour_are_all_that_an_address_gets(make_site: MakeSite) -> None:
    site = make_site(rate_logins=5)
    site.account(Role.TESTER)

    first = [login(site, token_name=f"t{number}", password=PASSWORD if number % 2 else "wrong password").status_code for number in range(5)]
    refused = login(site, token_name="late")
    site.clock.advance(minutes=15)
    later = login(site, token_name="later")

    assert first == [401, 201, 401, 201, 401]
    assert (refused.status_code, refused.json()["details"]["limit"], refused.json()["details"]["window"]) == (429, 5, "900s")
    assert int(refused.headers["Retry-After"]) == refused.json()["details"]["retry_after"] == 900
    assert later.status_code == 201


def test_logins_cost_nothing_of_a_tokens_own_limits(make_site: MakeSite) -> None:
    site = make_site(rate_logins=5, rate_reads=2)
    client = site.as_role(Role.TESTER)
    for number in range(6):
        login(site, token_name=f"t{number}")

    assert [client.get("/api/v1/runs").status_code for _ in range(3)] == [200, 200, 429]
