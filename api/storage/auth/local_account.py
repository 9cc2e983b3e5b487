"""The account for requests from this machine, on servers where jobs need no token from there."""
from __future__ import annotations

from api.domain.auth.access import Caller, Role, Scope
from api.storage.auth.accounts import create_account, find_account

NAME, EMAIL = "local", "local@localhost"
# No password has this hash, so that nobody logs in to the account.
NO_PASSWORD = "*"
# No token has this number.
NO_TOKEN = 0
SCOPES = frozenset({Scope.RUNS_READ, Scope.RUNS_WRITE})


def make_local_account() -> None:
    """Within a transaction: make the account, unless it is there. Raises Conflict where its name is somebody else's."""
    if find_account(EMAIL) is None:
        create_account(NAME, EMAIL, Role.TESTER, NO_PASSWORD)


def find_local_caller() -> Caller | None:
    """The account as a caller, with the role that it has now; None where it is disabled or gone, or has none."""
    account = find_account(EMAIL)
    if account is None or account.disabled or account.role is None:
        return None
    return Caller(account.user_id, account.name, account.email, account.role, SCOPES, NO_TOKEN)
