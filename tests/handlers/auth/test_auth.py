"""Tokens: issued for a password, listed, revoked, and dead with what they hang on."""
from __future__ import annotations

from typing import Any

import pytest
from passlib.hash import bcrypt, sha256_crypt, sha512_crypt
from sqlalchemy import select

from api.domain.auth.access import Role, Scope
from api.storage.auth import accounts
from api.storage.database import transaction
from api.storage.platform_tables import TokenRow
from tests.builders import NOW
from tests.handlers.conftest import MakeSite
from tests.handlers.site import PASSWORD, Site, quick_hash

TOKENS = "/api/v1/auth/tokens"
CURRENT = f"{TOKENS}/current"


def login(site: Site, **changes: Any) -> Any:
    """Ask for a token as the tester's account."""
    body = {"email": "tester@example.test", "password": PASSWORD, "token_name": "agent"}
    return site.client.post(TOKENS, json=body | changes)


@pytest.fixture(autouse=True)
def tester(request: pytest.FixtureRequest) -> int | None:
    """The account that most of these tests log in to."""
    if "site" not in request.fixturenames:
        return None
    found: Site = request.getfixturevalue("site")
    return found.account(Role.TESTER)


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


def test_a_token_opens_what_its_scopes_say(site: Site) -> None:
    client = site.client.as_(login(site, scopes=["runs:read"]).json()["token"])

    assert client.get("/api/v1/runs").status_code == 200
    assert client.get("/api/v1/system/queue").status_code == 403


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
