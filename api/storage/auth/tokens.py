"""API tokens: stores, lists, finds and revokes them."""
from __future__ import annotations

import hmac
import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, exists, func, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.auth.access import Caller, Role, Scope
from api.domain.auth.token import PREFIX_LENGTH, NewToken, TokenRecord, parse_scopes, token_digest, usable_scopes
from api.domain.errors import Conflict, NotFound
from api.domain.page import Page
from api.domain.text.casefold import casefold_ascii
from api.storage.auth.accounts import Account
from api.storage.auth.passwords import fingerprint
from api.storage.column_types import is_id
from api.storage.database import casefolded, change, read, session
from api.storage.platform_tables import TokenRow, UserRow
from api.storage.tables.accounts import AccountRow, PasswordFingerprintRow

_TOKENS: Select[*tuple[Any, ...]] = (
    select(
        TokenRow.id.label("token_id"), TokenRow.token_hash, TokenRow.scopes_json, TokenRow.expires_at, TokenRow.revoked_at,
        UserRow.id.label("user_id"), UserRow.name, UserRow.email, UserRow.role, UserRow.password, UserRow.github_login,
        AccountRow.disabled, PasswordFingerprintRow.fingerprint)
    .join(UserRow, UserRow.id == TokenRow.user_id)
    .outerjoin(AccountRow, AccountRow.user_id == UserRow.id)
    .outerjoin(PasswordFingerprintRow, PasswordFingerprintRow.token_id == TokenRow.id)
    .where(TokenRow.token_prefix == bindparam("prefix"), is_id(TokenRow.id), is_id(UserRow.id)))


def store_token(account: Account, token: NewToken, *, most: int | None = None) -> int:
    """Within a transaction: keep a new token under the account's present password. Returns its id.

    Raises Conflict where a live token of the user has the name, or where `most` are live already. A dead one of that name is
    renamed: the platform's key covers dead rows too.
    """
    live_ones = _live(account.user_id, token.created_at)
    if most is not None:
        _check_number(account.user_id, live_ones, most)
    # MariaDB's key takes names that differ in case for the same, so they are the same everywhere.
    named = TokenRow.user_id == account.user_id, casefolded(TokenRow.token_name) == casefold_ascii(token.name)
    same = list(session().execute(select(TokenRow).where(*named).with_for_update()).scalars())
    live = set(session().execute(select(TokenRow.id).where(*named, *live_ones)).scalars())
    if any(row.id in live for row in same):
        raise _name_taken()
    row = TokenRow(
        user_id=account.user_id, token_name=token.name, token_hash=token.digest, token_prefix=token.prefix,
        scopes_json=json.dumps(token.scopes), created_at=token.created_at, expires_at=token.expires_at)
    try:
        with session().begin_nested():
            for dead in same:
                dead.token_name = f"{dead.token_name[:50 - len(str(dead.id)) - 1]}~{dead.id}"
            session().flush()
            session().add(row)
    except IntegrityError as taken:
        raise _name_taken() from taken
    session().add(PasswordFingerprintRow(token_id=row.id, fingerprint=fingerprint(account.password_hash)))
    session().flush()
    return row.id


def _check_number(user_id: int, live_ones: tuple[ColumnElement[bool], ...], most: int) -> None:
    # The account's row is held, so that of several logins at once each sees the tokens of those before it.
    session().execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update())
    if session().execute(select(func.count()).select_from(TokenRow).where(*live_ones)).scalar_one() >= most:
        raise Conflict(
            "Your account has as many live tokens as it may.", {"limit": most},
            remedy="Revoke a token that nobody needs; GET /auth/tokens lists them.")


def _name_taken() -> Conflict:
    return Conflict(
        "You have a live token of this name.", {"field": "token_name"},
        remedy="Choose another name, or revoke the old token first.")


def find_caller(value: str, now: datetime) -> Caller | None:
    """The user behind a token, with the role and the usable scopes of this moment.

    None for a token that is unknown, revoked, expired, of a disabled account or one without a known role, or older than the
    account's password.
    """
    if not value.isascii():
        return None
    digest = token_digest(value).encode()
    for row in read(_TOKENS, {"prefix": value[:PREFIX_LENGTH]}):
        if hmac.compare_digest(row.token_hash.lower().encode(), digest):
            return _caller(row) if _is_alive(row, now) else None
    return None


def _is_alive(row: Row[*tuple[Any, ...]], now: datetime) -> bool:
    if row.revoked_at is not None or row.expires_at <= now or row.disabled:
        return False
    return row.fingerprint is None or hmac.compare_digest(row.fingerprint, fingerprint(row.password))


def _caller(row: Row[*tuple[Any, ...]]) -> Caller | None:
    if row.role is None:
        return None
    return Caller(
        user_id=row.user_id, name=row.name, email=row.email, role=row.role, scopes=_usable(row.role, row.scopes_json),
        token_id=row.token_id, github_login=row.github_login or None)


@lru_cache(maxsize=256)
def _usable(role: Role, scopes_json: str) -> frozenset[Scope]:
    return usable_scopes(role, parse_scopes(scopes_json))


def fingerprint_platform_tokens() -> None:
    """Within a transaction: bind tokens that the platform issued to their account's present password."""
    without = (
        select(TokenRow.id, UserRow.password).join(UserRow, UserRow.id == TokenRow.user_id)
        .outerjoin(PasswordFingerprintRow, PasswordFingerprintRow.token_id == TokenRow.id)
        .where(PasswordFingerprintRow.token_id.is_(None), is_id(TokenRow.id)))
    session().add_all(
        PasswordFingerprintRow(token_id=token_id, fingerprint=fingerprint(password)) for token_id, password in session().execute(without))
    session().flush()


def list_tokens(user_id: int, now: datetime, *, limit: int, offset: int) -> Page[TokenRecord]:
    """The live tokens of a user, newest first."""
    live = _live(user_id, now)
    total = session().execute(select(func.count()).select_from(TokenRow).where(*live)).scalar_one()
    rows = session().execute(select(TokenRow).where(*live).order_by(TokenRow.id.desc()).limit(limit).offset(offset)).scalars()
    return Page([_record(row) for row in rows], limit, offset, total)


def load_token(user_id: int, token_id: int) -> TokenRecord:
    """One of a user's tokens. Raises NotFound."""
    row = session().execute(select(TokenRow).where(TokenRow.id == token_id, TokenRow.user_id == user_id)).scalar_one_or_none()
    if row is None:
        raise NotFound("token", token_id)
    return _record(row)


def _live(user_id: int, now: datetime) -> tuple[ColumnElement[bool], ...]:
    password = session().execute(select(UserRow.password).where(UserRow.id == user_id)).scalar_one_or_none() or ""
    outlived = exists().where(PasswordFingerprintRow.token_id == TokenRow.id, PasswordFingerprintRow.fingerprint != fingerprint(password))
    return (TokenRow.user_id == user_id, is_id(TokenRow.id), TokenRow.revoked_at.is_(None), TokenRow.expires_at > now, ~outlived)


def _record(row: TokenRow) -> TokenRecord:
    return TokenRecord(row.id, row.token_name, row.token_prefix, parse_scopes(row.scopes_json), row.created_at, row.expires_at)


def revoke_token(user_id: int, token_id: int, now: datetime) -> None:
    """Within a transaction: end a live token of this user. Raises NotFound for every other."""
    if not change(update(TokenRow).where(TokenRow.id == token_id, *_live(user_id, now)).values(revoked_at=now)):
        raise NotFound("token", token_id, remedy="List your live tokens with GET /auth/tokens.")


def revoke_all(user_id: int, now: datetime) -> int:
    """Within a transaction: end every live token of an account. How many there were."""
    return change(update(TokenRow).where(*_live(user_id, now)).values(revoked_at=now))
