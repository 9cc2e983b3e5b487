"""Operations on API tokens: issue, list, revoke."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.access import Scope
from api.domain.chance import Chance
from api.domain.refusal import InvalidCredentials
from api.domain.token import SECRET_BYTES, issue_token
from api.handlers import context, render
from api.handlers.rules import AccountRules
from api.storage import accounts, passwords, tokens
from api.storage.database import transaction


def create_token(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Issue a token to whoever knows an account's password."""
    account = _verified_account(body["email"], body["password"])
    secret = context.collaborator(Chance).random_bytes(SECRET_BYTES)
    scopes = [Scope(scope) for scope in body["scopes"]]
    token = issue_token(secret, body["token_name"], account.role, scopes, days=body["expires_in_days"], now=context.now())
    with transaction():
        token_id = tokens.store_token(account, token)
    return render.issued_token(token_id, token), HTTPStatus.CREATED


def _verified_account(email: str, password: str) -> accounts.Account:
    account = accounts.find_account(email)
    platform = context.collaborator(AccountRules).platform_passwords
    verified = passwords.verify_password(password, None if account is None else account.password_hash, platform=platform)
    if account is None or not verified or account.disabled:
        raise InvalidCredentials
    return account


def list_tokens(limit: int, offset: int) -> dict[str, Any]:
    """List the caller's live tokens, newest first."""
    caller = context.caller()
    found = tokens.list_tokens(caller.user_id, context.now(), limit=limit, offset=offset)
    return render.page(found, lambda token: render.token_record(token, caller))


def revoke_current_token() -> tuple[None, int]:
    """End the token that the request came with."""
    return revoke_token(context.caller().token_id)


def revoke_token(token_id: int) -> tuple[None, int]:
    """End one of the caller's live tokens."""
    with transaction():
        tokens.revoke_token(context.caller().user_id, token_id, context.now())
    return None, HTTPStatus.NO_CONTENT
