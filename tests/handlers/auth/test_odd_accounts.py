"""Accounts and tokens whose rows say nothing that is known: they open nothing, and no other account hears of them."""
from __future__ import annotations

import pytest
from sqlalchemy import text

from api.domain.auth.access import Role, Scope
from api.storage.auth.accounts import list_accounts
from api.storage.database import transaction
from tests.builders import add_token
from tests.handlers.site import PASSWORD, Site

BODY = {"email": "tester@example.test", "password": PASSWORD, "token_name": "new"}


def write(table: str, column: str, value: object, row_id: int) -> None:
    with transaction() as current:
        current.execute(text(f'UPDATE "{table}" SET {column} = :value WHERE id = :id'), {"value": value, "id": row_id})


@pytest.mark.parametrize("role", ["Tester", "tester ", "ADMIN", "moderator", "", "\x00", b"admin"])
def test_a_role_that_is_not_spelled_as_the_platform_spells_it_gives_no_rights(site: Site, role: object) -> None:
    client, user = site.as_role(Role.TESTER), site.account(Role.TESTER)
    write("user", "role", role, user)

    login, read = site.client.post("/api/v1/auth/tokens", json=BODY), client.get("/api/v1/runs")

    assert (login.status_code, read.status_code) == (403, 401)
    assert [account.role for account in list_accounts() if account.user_id == user] == [None]


@pytest.mark.parametrize(("column", "value"), [
    ("expires_at", "0000-00-00 00:00:00"), ("expires_at", "0000-00-00"), ("expires_at", "never"), ("expires_at", "9999-99-99 00:00:00"),
    ("expires_at", 0), ("revoked_at", "0000-00-00 00:00:00"), ("revoked_at", ""), ("revoked_at", 0), ("token_hash", ""),
])
def test_a_token_whose_times_cannot_be_read_is_dead(site: Site, column: str, value: object) -> None:
    token = add_token(site.account(Role.TESTER), now=site.clock.now)
    with transaction() as current:
        current.execute(text(f"UPDATE api_token SET {column} = :value"), {"value": value})

    assert site.client.as_(token).get("/api/v1/runs").status_code == 401


@pytest.mark.parametrize("scopes", [
    "", "null", "7", '"runs:read"', '{"runs:read": true}', '[["runs:read"]]', "[1, null]", '["RUNS:READ", "runs:read "]', "[" * 100_000,
    '["runs:write"'])
def test_scopes_that_are_no_list_of_known_words_open_nothing(site: Site, scopes: str) -> None:
    token = add_token(site.account(Role.TESTER), Scope.RUNS_READ, now=site.clock.now)
    with transaction() as current:
        current.execute(text("UPDATE api_token SET scopes_json = :scopes"), {"scopes": scopes})

    assert site.client.as_(token).get("/api/v1/runs").status_code == 403


def test_a_token_made_at_no_known_time_is_listed_and_says_so(site: Site) -> None:
    token = add_token(site.account(Role.TESTER), now=site.clock.now)
    with transaction() as current:
        current.execute(text("UPDATE api_token SET created_at = '0000-00-00 00:00:00'"))

    [shown] = site.client.as_(token).get("/api/v1/auth/tokens").json()["data"]

    assert (shown["created_at"], shown["altered_fields"]) == ("1970-01-01T00:00:00Z", ["created_at"])
