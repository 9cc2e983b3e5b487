"""API tokens: one live one of each name, dead with its account's password, never found by anything but its value."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from api.domain.auth.access import Role, Scope
from api.domain.auth.token import NewToken, issue_token
from api.domain.errors import Conflict, NotFound
from api.storage.auth import accounts, tokens
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import TokenRow, UserRow
from api.storage.tables.accounts import PasswordFingerprintRow
from tests.builders import NOW, add_token, add_user, minutes, save
from tests.databases import Database

READ = (Scope.RUNS_READ,)
_secrets = iter(range(1, 10**6))


def a_token(name: str, *, days: int = 30, at: float = 0) -> NewToken:
    return issue_token(next(_secrets).to_bytes(32), name, Role.USER, READ, days=days, now=minutes(at))


def store(user_id: int, token: NewToken) -> int:
    return transact(lambda: tokens.store_token(accounts.load_account(user_id), token))


def names(user_id: int) -> set[str]:
    return set(session().execute(select(TokenRow.token_name).where(TokenRow.user_id == user_id)).scalars())


def test_a_token_finds_its_user_with_role_and_scopes_of_now(database: Database) -> None:
    user = add_user("ada", role=Role.ADMIN, github_login="Ada")
    value = add_token(user, Scope.RUNS_READ, Scope.BASELINES_WRITE)

    before = tokens.find_caller(value, NOW)
    with transaction():
        accounts.record_role(user, Role.USER)
    after = tokens.find_caller(value, NOW)

    assert before is not None
    assert after is not None
    assert (before.user_id, before.name, before.role, before.github_login) == (user, "ada", Role.ADMIN, "Ada")
    assert before.scopes == {Scope.RUNS_READ, Scope.BASELINES_WRITE}
    assert after.role is Role.USER
    assert after.scopes == {Scope.RUNS_READ}


def test_what_is_stored_is_never_the_value(database: Database) -> None:
    value = add_token(add_user())

    stored = session().execute(select(TokenRow)).scalar_one()

    assert value not in repr([getattr(stored, column.name) for column in TokenRow.__table__.columns])
    assert (stored.token_prefix, len(stored.token_hash)) == (value[:16], 64)


@pytest.mark.parametrize("change", [
    lambda value: value[:-1], lambda value: value + "x", lambda value: value[:16], lambda value: value.upper(), lambda value: "",
    lambda value: value[:16] + "A" * 32, lambda value: value + "é", lambda value: value + "\n", lambda value: "🎬" * 20,
    lambda value: "\ud800", lambda value: value[:20] + "\x00"])
def test_every_other_value_finds_nobody(database: Database, change: object) -> None:
    value = add_token(add_user())

    assert callable(change)
    assert tokens.find_caller(change(value), NOW) is None


def test_a_token_is_dead_from_the_second_it_expires_in(database: Database) -> None:
    user = add_user()
    token = a_token("a", days=1)
    store(user, token)

    found = [tokens.find_caller(token.value, token.expires_at + timedelta(seconds=after)) is not None for after in (-1, 0, 1)]

    assert found == [True, False, False]


def test_a_revoked_token_is_dead(database: Database) -> None:
    user = add_user()
    token = a_token("a")
    token_id = store(user, token)
    with transaction():
        tokens.revoke_token(user, token_id, NOW)

    assert tokens.find_caller(token.value, NOW) is None


@pytest.mark.parametrize("dead", ["revoked", "expired", "foreign", "unknown"])
def test_only_a_live_token_of_ones_own_can_be_revoked(database: Database, dead: str) -> None:
    user = add_user()
    token_id = store(add_user() if dead == "foreign" else user, a_token("a", days=1))
    if dead == "revoked":
        with transaction():
            tokens.revoke_token(user, token_id, NOW)
    at = minutes(2000) if dead == "expired" else NOW

    with pytest.raises(NotFound), transaction():
        tokens.revoke_token(user, token_id + (1000 if dead == "unknown" else 0), at)


def test_a_token_dies_with_its_accounts_password(database: Database) -> None:
    user = add_user()
    value = add_token(user)
    with transaction():
        accounts.record_password(user, "$6$another")

    assert tokens.find_caller(value, NOW) is None
    assert tokens.list_tokens(user, NOW, limit=10, offset=0).total == 0


def test_a_token_of_a_disabled_account_is_dead_until_it_is_let_in_again(database: Database) -> None:
    user = add_user()
    value = add_token(user)
    seen = []
    for disabled in (True, False):
        with transaction():
            accounts.record_disabled(user, disabled)
        seen.append(tokens.find_caller(value, NOW) is not None)

    assert seen == [False, True]


def test_a_token_that_the_platform_issued_works_and_dies_with_the_password_once_it_was_seen(database: Database) -> None:
    user = add_user()
    token = a_token("platform's")
    save(TokenRow(
        user_id=user, token_name=token.name, token_hash=token.digest.upper(), token_prefix=token.prefix,
        scopes_json='["runs:read", "a:scope:of:tomorrow"]', created_at=NOW, expires_at=token.expires_at))
    found = tokens.find_caller(token.value, NOW)
    session().rollback()

    transact(tokens.fingerprint_platform_tokens)
    transact(tokens.fingerprint_platform_tokens)
    sealed = tokens.find_caller(token.value, NOW)
    with transaction():
        accounts.record_password(user, "$6$another")

    assert found is not None
    assert found.scopes == {Scope.RUNS_READ}
    assert sealed is not None
    assert tokens.find_caller(token.value, NOW) is None
    assert len(session().execute(select(PasswordFingerprintRow)).all()) == 1


@pytest.mark.parametrize("other", ["build", "Build", "BUILD"])
def test_a_live_tokens_name_is_taken_in_any_case(database: Database, other: str) -> None:
    user = add_user()
    store(user, a_token("build"))

    with pytest.raises(Conflict):
        store(user, a_token(other))

    session().rollback()
    assert names(user) == {"build"}


def test_two_users_may_use_the_same_name(database: Database) -> None:
    first, second = add_user(), add_user()

    store(first, a_token("build"))
    store(second, a_token("build"))

    assert names(first) == names(second) == {"build"}


@pytest.mark.parametrize("death", ["revoked", "expired", "password"])
@pytest.mark.parametrize("other", ["build", "BUILD"])
def test_a_dead_tokens_name_is_free_again(database: Database, death: str, other: str) -> None:
    user = add_user()
    old = store(user, a_token("build", days=1))
    at = 2000 if death == "expired" else 0
    if death == "revoked":
        with transaction():
            tokens.revoke_token(user, old, NOW)
    if death == "password":
        with transaction():
            accounts.record_password(user, "$6$another")

    token = a_token(other, at=at)
    new = store(user, token)

    assert names(user) == {other, f"build~{old}"}
    assert [record.token_id for record in tokens.list_tokens(user, minutes(at), limit=10, offset=0).items] == [new]


def test_a_long_name_of_a_dead_token_is_cut_for_its_number(database: Database) -> None:
    user = add_user()
    old = store(user, a_token("n" * 50, days=1))
    store(user, a_token("n" * 50, days=1, at=2000))

    third = store(user, a_token("n" * 50, at=9000))

    assert third > old
    assert all(len(name) <= 50 for name in names(user))
    assert len(names(user)) == 3


def test_a_name_that_a_renamed_token_would_get_is_no_fault_of_the_server(database: Database) -> None:
    user = add_user()
    old = store(user, a_token("build", days=1))
    store(user, a_token(f"build~{old}", days=90))

    with pytest.raises(Conflict):
        store(user, a_token("build", at=2000))


def test_the_same_name_at_once_is_given_once(database: Database) -> None:
    user = add_user()

    def ask() -> bool:
        try:
            store(user, a_token("build"))
        except Conflict:
            return False
        return True

    given = database.together(*[ask] * 6)

    assert sum(given) == 1
    assert tokens.list_tokens(user, NOW, limit=10, offset=0).total == 1


def test_live_tokens_are_listed_newest_first_and_page_by_page(database: Database) -> None:
    user, other = add_user(), add_user()
    made = [store(user, a_token(f"t{number}")) for number in range(5)]
    store(user, a_token("old", days=1, at=-3000))
    store(other, a_token("foreign"))

    first, last = (tokens.list_tokens(user, NOW, limit=3, offset=offset) for offset in (0, 3))

    assert [record.token_id for record in (*first.items, *last.items)] == made[::-1]
    assert (first.total, first.next_offset, last.next_offset) == (5, 3, None)
    assert first.items[0] == replace(first.items[0], name="t4", scopes=READ)


def test_a_hash_that_shares_the_prefix_is_told_apart_by_the_whole(database: Database) -> None:
    user, other = add_user(), add_user()
    token = a_token("a")
    twin = replace(token, value=token.value[:-1] + ("A" if token.value[-1] != "A" else "B"))
    store(user, token)
    store(other, twin)

    found = [tokens.find_caller(each.value, NOW) for each in (token, twin)]

    assert [caller and caller.user_id for caller in found] == [user, other]


def test_the_scopes_of_a_role_that_changed_follow_it(database: Database) -> None:
    user = add_user(role=Role.CONTRIBUTOR)
    value = add_token(user, Scope.BASELINES_WRITE)
    scopes = []
    for role in (Role.CONTRIBUTOR, Role.TESTER, Role.ADMIN):
        with transaction():
            session().execute(update(UserRow).values(role=role.value))
        caller = tokens.find_caller(value, NOW)
        scopes.append(caller is not None and caller.scopes)

    assert scopes == [{Scope.BASELINES_WRITE}, frozenset(), {Scope.BASELINES_WRITE}]


def test_of_many_tokens_at_once_no_more_are_stored_than_may_be_live(database: Database) -> None:
    user = add_user()

    def issue(token: NewToken) -> bool:
        try:
            transact(lambda: tokens.store_token(accounts.load_account(user), token, most=3))
        except Conflict as refused:
            assert refused.details == {"limit": 3}
            return False
        return True

    done = database.together(*[partial(issue, a_token(f"t{number}")) for number in range(8)])

    assert (sum(done), len(names(user))) == (3, 3)


def test_dead_tokens_take_no_place(database: Database) -> None:
    user = add_user()
    store(user, a_token("expired", days=1))
    revoked = store(user, a_token("revoked"))
    transact(lambda: tokens.revoke_token(user, revoked, minutes(1)))

    token = a_token("new", at=2 * 24 * 60)

    assert transact(lambda: tokens.store_token(accounts.load_account(user), token, most=1)) > 0


def test_a_token_is_loaded_for_its_owner_alone(database: Database) -> None:
    user, other = add_user(), add_user()
    token_id = store(user, a_token("mine"))

    assert tokens.load_token(user, token_id).name == "mine"
    with pytest.raises(NotFound):
        tokens.load_token(other, token_id)
