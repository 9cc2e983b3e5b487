"""Keeps accounts: their roles, and whether they are let in."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from api.domain.auth.access import Caller, Role, check_not_own
from api.storage.auth import accounts, tokens
from api.storage.auth.accounts import Account
from api.storage.database import transact


@dataclass(frozen=True, slots=True)
class ChangedAccount:
    """An account as it is now, and how many live tokens it lost."""

    account: Account
    revoked: int


def change_account(user_id: int, role: Role | None, disabled: bool | None, by: Caller, now: datetime) -> ChangedAccount:
    """Change an account's role, or lock it out or let it in; None leaves a thing as it is. An account that is locked out loses its tokens.

    Raises NotFound, and Forbidden for one's own account.
    """
    check_not_own(by, user_id)
    return transact(partial(_change, user_id, role, disabled, now))


def _change(user_id: int, role: Role | None, disabled: bool | None, now: datetime) -> ChangedAccount:
    accounts.lock_account(user_id)
    if role is not None:
        accounts.record_role(user_id, role)
    if disabled is not None:
        accounts.record_disabled(user_id, disabled)
    revoked = tokens.revoke_all(user_id, now) if disabled else 0
    return ChangedAccount(accounts.load_account(user_id), revoked)
