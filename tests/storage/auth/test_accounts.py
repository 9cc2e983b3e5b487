"""Accounts: found by e-mail as people write it, made once, changed one thing at a time."""
from __future__ import annotations

from functools import partial

import pytest

from api.domain.auth.access import Role
from api.domain.errors import Conflict, NotFound
from api.storage.auth import accounts
from api.storage.database import session, transact, transaction
from api.storage.platform_tables import UserRow
from tests.builders import add_user
from tests.databases import Database


@pytest.mark.parametrize("written", ["Ada@Example.test", "ada@example.test", "ADA@EXAMPLE.TEST"])
def test_an_account_is_found_in_any_case(database: Database, written: str) -> None:
    user = add_user("ada", email="Ada@Example.test")

    found = accounts.find_account(written)

    assert found is not None
    assert (found.user_id, found.email) == (user, "Ada@Example.test")


@pytest.mark.parametrize("written", [
    "", "ada", "ada@example.tes_", "%", "ádá@example.test", "ada@example.test ", " ada@example.test", "ada@example.test\x00",
    "ada@exa\u212aple.test", "🎬", "ada@example.test' OR 1=1 --"])
def test_nobody_is_found_by_anything_else(database: Database, written: str) -> None:
    add_user("ada", email="ada@example.test")

    assert accounts.find_account(written) is None


def test_the_kelvin_sign_is_no_k(database: Database) -> None:
    add_user("kay", email="kay@example.test")

    assert accounts.find_account("\u212aay@example.test") is None


def test_an_account_beyond_ascii_is_found_as_it_is_written(database: Database) -> None:
    user = add_user("grace", email="GRÄCE@example.test")

    found = accounts.find_account("grÄce@EXAMPLE.test")

    assert found is not None
    assert found.user_id == user


def test_secrets_stay_out_of_an_accounts_text(database: Database) -> None:
    account = accounts.load_account(add_user("ada", password_hash="$6$secret", github_token="gho_secret"))

    assert "secret" not in repr(account)
    assert (account.password_hash, account.github_token) == ("$6$secret", "gho_secret")


def test_an_account_is_made_with_what_was_given(database: Database) -> None:
    made = transact(lambda: accounts.create_account("ada", "ada@example.test", Role.CONTRIBUTOR, "$6$x", "Ada"))

    account = accounts.load_account(made)

    assert (account.name, account.role, account.password_hash, account.github_login) == ("ada", Role.CONTRIBUTOR, "$6$x", "Ada")
    assert (account.disabled, account.github_token) == (False, None)


@pytest.mark.parametrize(("name", "email"), [("ada", "new@example.test"), ("new", "ada@example.test"), ("new", "ADA@example.test")])
def test_a_name_or_e_mail_is_given_once(database: Database, name: str, email: str) -> None:
    add_user("ada", email="ada@example.test")

    with pytest.raises(Conflict):
        transact(lambda: accounts.create_account(name, email, Role.USER, "*"))
    assert len(accounts.list_accounts()) == 1


def test_an_account_made_by_two_at_once_is_made_once(database: Database) -> None:
    def make() -> bool:
        try:
            transact(lambda: accounts.create_account("ada", "ada@example.test", Role.USER, "*"))
        except Conflict:
            return False
        return True

    assert sum(database.together(*[make] * 5)) == 1
    assert len(accounts.list_accounts()) == 1


def test_what_is_kept_of_an_account_can_be_changed(database: Database) -> None:
    user = add_user()

    with transaction():
        accounts.record_password(user, "$6$new")
        accounts.record_role(user, Role.ADMIN)
        accounts.record_github_login(user, "Ada")
        accounts.record_disabled(user, True)

    account = accounts.load_account(user)
    assert (account.password_hash, account.role, account.github_login, account.disabled) == ("$6$new", Role.ADMIN, "Ada", True)


@pytest.mark.parametrize("act", [
    accounts.load_account, partial(accounts.record_password, password_hash="x"), partial(accounts.record_role, role=Role.USER),
    partial(accounts.record_github_login, login="x")])
def test_an_unknown_account_is_not_found(database: Database, act: object) -> None:
    assert callable(act)
    with pytest.raises(NotFound), transaction():
        act(4711)


def test_all_accounts_are_listed_by_their_ids(database: Database) -> None:
    made = [add_user(disabled=number == 1) for number in range(3)]

    found = accounts.list_accounts()
    session().rollback()

    assert [account.user_id for account in found] == made
    assert [account.disabled for account in found] == [False, True, False]


def test_a_github_login_has_its_number_until_another_login_is_linked(database: Database) -> None:
    user = transact(lambda: accounts.create_account("ada", "ada@example.test", Role.USER, "*", "Ada", 2**40))
    linked = accounts.load_account(user).github_number

    with transaction() as current:
        current.get_one(UserRow, user).github_login = "linked-by-the-platform"
    linked_elsewhere = accounts.load_account(user)
    with transaction():
        accounts.record_github_login(user, "unknown")

    assert linked == 2**40
    assert (linked_elsewhere.github_login, linked_elsewhere.github_number) == ("linked-by-the-platform", None)
    assert accounts.load_account(user).github_number is None


def test_a_link_lets_nobody_in_who_was_locked_out_and_the_other_way_round(database: Database) -> None:
    user = add_user(disabled=True)

    with transaction():
        accounts.record_github_login(user, "ada", 5)
    still_out = accounts.load_account(user).disabled
    with transaction():
        accounts.record_disabled(user, False)

    account = accounts.load_account(user)
    assert (still_out, account.disabled, account.github_number) == (True, False, 5)


def test_a_password_is_replaced_only_while_it_is_the_one_that_was_shown(database: Database) -> None:
    user = add_user(password_hash="$6$old")

    with transaction():
        accounts.replace_password(user, "$6$old", "$6$new")
    with pytest.raises(Conflict), transaction():
        accounts.replace_password(user, "$6$old", "$6$newer")

    assert accounts.load_account(user).password_hash == "$6$new"


def test_of_two_who_replace_a_password_at_once_one_is_too_late(database: Database) -> None:
    user = add_user(password_hash="$6$old")

    def replace(password_hash: str) -> bool:
        try:
            transact(lambda: accounts.replace_password(user, "$6$old", password_hash))
        except Conflict:
            return False
        return True

    done = database.together(*[partial(replace, f"$6${number}") for number in range(5)])

    assert sum(done) == 1
