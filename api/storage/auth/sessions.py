"""Sessions: stores, finds and ends them."""
from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, or_, select

from api.domain.auth.access import Caller, Scope
from api.domain.auth.session import NewSession, session_digest
from api.domain.auth.token import parse_scopes, usable_scopes
from api.storage.auth.accounts import Account
from api.storage.auth.passwords import fingerprint
from api.storage.column_types import is_id
from api.storage.database import change, read_one, session
from api.storage.platform_tables import TokenRow, UserRow
from api.storage.tables.accounts import AccountRow, SessionRow

_SESSIONS: Select[*tuple[Any, ...]] = (
    select(
        SessionRow.digest, SessionRow.scopes_json, SessionRow.fingerprint, SessionRow.role.label("role_then"), SessionRow.token_id,
        TokenRow.revoked_at, UserRow.id.label("user_id"), UserRow.name, UserRow.email, UserRow.role, UserRow.password,
        UserRow.github_login)
    .join(UserRow, UserRow.id == SessionRow.user_id)
    .outerjoin(AccountRow, AccountRow.user_id == UserRow.id)
    .outerjoin(TokenRow, TokenRow.id == SessionRow.token_id)
    .where(
        SessionRow.digest == bindparam("digest"), SessionRow.expires_at > bindparam("now"), is_id(UserRow.id),
        or_(AccountRow.disabled.is_(None), AccountRow.disabled.is_(False))))


def store_session(account: Account, scopes: Collection[Scope], begun: NewSession, now: datetime, *, token_id: int | None = None) -> None:
    """Within a transaction: keep a session under the account's present password and role; those of it that have ended are forgotten."""
    change(delete(SessionRow).where(SessionRow.user_id == account.user_id, SessionRow.expires_at <= now))
    session().add(SessionRow(
        digest=begun.digest, user_id=account.user_id, token_id=token_id, role=account.role and account.role.value,
        fingerprint=fingerprint(account.password_hash), scopes_json=json.dumps(sorted(scopes)), expires_at=begun.expires_at))
    session().flush()


def find_reader(value: str, now: datetime) -> Caller | None:
    """The user behind a session, with the usable scopes of this moment.

    None for a session that is unknown or over, of a disabled account, or older than the account's password or role; and for one
    that a token began which is revoked by now.
    """
    row = read_one(_SESSIONS, {"digest": session_digest(value), "now": now})
    if row is None or row.role is None or row.role.value != row.role_then or row.fingerprint != fingerprint(row.password):
        return None
    if row.revoked_at is not None:
        return None
    return Caller(
        user_id=row.user_id, name=row.name, email=row.email, role=row.role, scopes=usable_scopes(row.role, parse_scopes(row.scopes_json)),
        token_id=row.token_id, github_login=row.github_login or None, session=row.digest)


def end_session(digest: str) -> None:
    """Within a transaction: end the session of this digest."""
    change(delete(SessionRow).where(SessionRow.digest == digest))
