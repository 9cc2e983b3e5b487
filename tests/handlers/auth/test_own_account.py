"""One's own account: who am I, and a new password."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.auth.login_pause import FREE_ATTEMPTS
from api.domain.errors import Conflict
from api.storage.auth import accounts
from api.storage.database import transaction
from tests.handlers.conftest import MakeSite
from tests.handlers.site import PASSWORD, Client, Site, quick_hash

TOKENS, ME, OWN_PASSWORD = (f"/api/v1/auth/{name}" for name in ("tokens", "me", "password"))
NEW = "seven tin lanterns drift north"


@pytest.fixture
def ada(site: Site) -> int:
    """The account that asks."""
    return site.account(Role.CONTRIBUTOR, "ada", github_login="Ada-L")


def change(client: Client, current: str = PASSWORD, new: str = NEW) -> Any:
    """Ask for a new password."""
    return client.put(OWN_PASSWORD, json={"current_password": current, "new_password": new})


def login(site: Site, password: str, email: str = "ada@example.test") -> int:
    status: int = site.client.post(TOKENS, json={"email": email, "password": password, "token_name": "agent"}).status_code
    return status


def test_who_am_i_has_the_account_of_now_and_the_token(site: Site, ada: int) -> None:
    client = site.as_user(ada, Scope.RUNS_READ, Scope.BASELINES_WRITE)
    with transaction():
        accounts.record_role(ada, Role.TESTER)

    me = client.get(ME).json()

    token = me.pop("token")
    assert me == {
        "user_id": ada, "name": "ada", "email": "ada@example.test", "role": "tester", "github_login": "Ada-L", "scopes": ["runs:read"]}
    assert (token["scopes"], token["expires_at"], token["current"]) == (["baselines:write", "runs:read"], "2026-12-21T12:00:00Z", True)


def test_any_valid_token_may_ask_who_it_is_and_no_other(site: Site, ada: int) -> None:
    assert site.as_user(ada, Scope.SYSTEM_READ).get(ME).status_code == 200
    assert (site.client.get(ME).status_code, site.client.as_("spci_guess").get(ME).status_code) == (401, 401)


def test_what_does_not_fit_is_cut_and_named(site: Site) -> None:
    user = site.account(Role.USER, "bob", email="no address", github_login="g" * 200)

    me = site.as_user(user).get(ME).json()

    assert me["altered_fields"] == ["email", "github_login"]
    assert (me["email"], len(me["github_login"])) == (f"user-{user}@users.invalid", 100)


def test_a_new_password_replaces_the_old_one_and_ends_all_tokens_of_the_account_alone(site: Site, ada: int) -> None:
    used, kept, others = site.as_user(ada), site.as_user(ada), site.as_role(Role.ADMIN)

    answer = change(used)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [client.get(ME).status_code for client in (used, kept, others)] == [401, 401, 200]
    assert (login(site, PASSWORD), login(site, NEW)) == (401, 201)


def test_on_a_database_of_our_own_the_hash_is_argon2id_and_on_a_platforms_the_platforms(make_site: MakeSite) -> None:
    site = make_site(shared_with_platform=True)
    ada = site.account(name="ada")

    change(site.as_user(ada))

    assert accounts.load_account(ada).password_hash.startswith("$6$")


def test_the_hash_of_our_own_database_is_argon2id(site: Site, ada: int) -> None:
    change(site.as_user(ada))

    assert accounts.load_account(ada).password_hash.startswith("$argon2id$")


def test_whoever_does_not_know_the_password_changes_nothing(site: Site, ada: int) -> None:
    client = site.as_user(ada)

    answer = change(client, "a wrong password")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (client.get(ME).status_code, login(site, PASSWORD)) == (200, 201)


@pytest.mark.parametrize(("new", "reason"), [
    ("Password123!", "common"), ("ada@example.test", "personal"), ("abcabcabc", "pattern"), (PASSWORD, "unchanged"),
    ("four good\0words here", "character")])
def test_a_password_that_may_not_be_set_is_refused(site: Site, ada: int, new: str, reason: str) -> None:
    client = site.as_user(ada)

    answer = change(client, new=new)

    assert (answer.status_code, answer.json()["details"]["reason"]) == (422, reason)
    assert new not in answer.text
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize(("body", "field"), [
    ({"current_password": PASSWORD}, "new_password"), ({"new_password": NEW}, "current_password"),
    ({"current_password": PASSWORD, "new_password": "short"}, "new_password"),
    ({"current_password": PASSWORD, "new_password": "x" * 129}, "new_password"),
    ({"current_password": PASSWORD, "new_password": NEW, "user_id": 1}, "user_id")])
def test_a_malformed_request_names_its_field(site: Site, ada: int, body: dict[str, object], field: str) -> None:
    answer = site.as_user(ada).put(OWN_PASSWORD, json=body)

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, [field])


def test_attempts_count_against_the_address_as_logins_do(make_site: MakeSite) -> None:
    site = make_site(rate_logins=3)
    client = site.as_user(site.account(name="ada"))

    statuses = [change(client, "a wrong password").status_code for _ in range(3)]

    assert statuses == [403] * 3
    assert (change(client).status_code, login(site, PASSWORD)) == (429, 429)


def test_guesses_with_a_stolen_token_count_together_with_those_at_the_login(make_site: MakeSite) -> None:
    site = make_site()
    client = site.as_user(site.account(name="ada"))

    guesses = [change(client, "a wrong password").status_code for _ in range(FREE_ATTEMPTS)]

    assert guesses == [403] * FREE_ATTEMPTS
    assert (login(site, "a wrong password"), login(site, PASSWORD)) == (401, 429)


def test_of_two_changes_at_once_one_counts(site: Site, ada: int) -> None:
    clients = [site.as_user(ada) for _ in range(4)]

    statuses = site.together(*[lambda client=client, n=n: change(client, new=f"{NEW} {n}").status_code for n, client in enumerate(clients)])

    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 401, 403, 409}


def test_an_account_has_so_many_live_tokens_and_no_more(make_site: MakeSite) -> None:
    site = make_site(tokens_per_user=3)
    site.account(name="ada")
    site.account(name="bob")

    def issue(name: str, email: str = "ada@example.test") -> Any:
        body = {"email": email, "password": PASSWORD, "token_name": name, "expires_in_days": 1}
        return site.client.post(TOKENS, json=body)

    first = [issue(f"t{number}") for number in range(3)]
    refused, other = issue("late"), issue("late", "bob@example.test")
    site.client.as_(first[0].json()["token"]).delete(f"{TOKENS}/current")
    after_a_revocation = issue("later").status_code
    site.clock.advance(days=1)

    assert [answer.status_code for answer in first] == [201] * 3
    assert (refused.status_code, refused.json()["code"], refused.json()["details"]["limit"]) == (409, "conflict", 3)
    assert (other.status_code, after_a_revocation, issue("tomorrow").status_code) == (201, 201, 201)


def test_of_many_logins_at_once_no_more_get_tokens_than_may(make_site: MakeSite) -> None:
    site = make_site(tokens_per_user=3)
    site.account(name="ada")
    bodies = [{"email": "ada@example.test", "password": PASSWORD, "token_name": f"t{number}"} for number in range(8)]

    statuses = site.together(*[lambda body=body: site.client.post(TOKENS, json=body).status_code for body in bodies])

    assert sorted(statuses) == [201] * 3 + [409] * 5


def test_a_password_that_was_set_elsewhere_meanwhile_is_not_overwritten(site: Site, ada: int) -> None:
    known = accounts.load_account(ada).password_hash
    with transaction():
        accounts.record_password(ada, quick_hash("another password"))

    with pytest.raises(Conflict), transaction():
        accounts.replace_password(ada, known, quick_hash(NEW))

    assert login(site, "another password") == 201
