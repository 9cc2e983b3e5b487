"""The account of somebody whom GitHub has named."""
from __future__ import annotations

from api.domain.auth.access import Role
from api.domain.errors import Conflict
from api.storage.auth import accounts
from api.storage.auth.accounts import Account

NO_PASSWORD = "!"


def account_of(login: str, number: int, reader_id: int | None) -> Account:
    """Within a transaction: the account of a user of GitHub, with the login of now.

    It is the one that has the user's number; else that of the reader, if somebody is logged in, who links it so; else a new one. An
    account that has only the login, as the platform stores it, may be somebody's who had the name before: its owner logs in
    and links it. Raises Conflict where the name of a new account is taken.
    """
    found = accounts.find_account_by_github_number(number)
    if found is None and reader_id is not None:
        found = accounts.load_account(reader_id)
    if found is None:
        found = accounts.load_account(_create(login, number))
    if (found.github_login, found.github_number) != (login, number):
        accounts.record_github_login(found.user_id, login, number)
    return found


def _create(login: str, number: int) -> int:
    if accounts.has_github_login(login):
        raise Conflict(
            "There is an account with this GitHub login already.",
            remedy="Log in to it with its password, and then with GitHub, which links the two.")
    # GitHub's own form of an address that tells nothing, and is nobody else's.
    return accounts.create_account(login, f"{number}+{login}@users.noreply.github.com", Role.USER, NO_PASSWORD, login, number)
