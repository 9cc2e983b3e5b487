"""Operations on the caller's account and API tokens."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.domain.auth.access import Scope
from api.domain.auth.password import check_password
from api.domain.auth.token import SECRET_BYTES, NewToken, issue_token
from api.domain.errors import Forbidden, InvalidCredentials, Unprocessable
from api.domain.random_source import RandomSource
from api.rendering import runs as render_runs
from api.services.auth.login_guard import LoginGuard
from api.services.policies import AccountPolicy
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.auth import accounts, passwords, tokens
from api.storage.auth.common_passwords import common_passwords
from api.storage.database import transaction


def create_token(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Issue a token to whoever knows an account's password."""
    return render_runs.issued_token(*issue(body)), HTTPStatus.CREATED


def issue(body: dict[str, Any]) -> tuple[int, NewToken]:
    """The id and the value of a new token for whoever the body names, if it knows the account's password."""
    account = log_in(body["email"], body["password"])
    secret = request_context.collaborator(RandomSource).random_bytes(SECRET_BYTES)
    scopes = [Scope(scope) for scope in body["scopes"]]
    with audited(AuditEvent.TOKEN_ISSUED, audit.user(account.user_id)) as deed:
        deed.by_caller, deed.actor_id = False, account.user_id
        token = issue_token(secret, body["token_name"], account.role, scopes, days=body["expires_in_days"], now=request_context.now())
        with transaction():
            token_id = tokens.store_token(account, token, most=request_context.collaborator(AccountPolicy).live_tokens)
        deed.subject = f"token:{token_id}"
    return token_id, token


def log_in(email: str, password: str) -> accounts.Account:
    """The account of this e-mail and password. Raises InvalidCredentials, and TooMany after too many failures."""
    with audited(AuditEvent.LOGIN, audit.unknown_user(email)) as deed:
        deed.by_caller = False
        guard = request_context.collaborator(LoginGuard)
        guard.admit(email, request_context.client_network())
        account = accounts.find_account(email)
        if account is not None:
            deed.subject = audit.user(account.user_id)
        verified = _fits(password, None if account is None else account.password_hash)
        if account is None or not verified or account.disabled:
            raise InvalidCredentials
        guard.succeeded(email, request_context.client_network())
        deed.actor_id = account.user_id
    return account


def _fits(password: str, stored: str | None) -> bool:
    return passwords.verify_password(password, stored, platform=request_context.collaborator(AccountPolicy).platform_passwords)


def get_me() -> dict[str, Any]:
    """Tell the caller whose token this is, and what it may do now."""
    caller = request_context.caller()
    return render_runs.me(caller, tokens.load_token(caller.user_id, caller.shown_token_id))


def change_password(body: dict[str, Any]) -> tuple[None, int]:
    """Replace the caller's password, which ends all tokens of the account, the request's own too."""
    caller = request_context.caller()
    account = accounts.load_account(caller.user_id)
    with audited(AuditEvent.PASSWORD_CHANGED, audit.user(account.user_id)):
        check_current(account, body["current_password"])
        hashed = hash_new(account, body["current_password"], body["new_password"])
        with transaction():
            accounts.replace_password(account.user_id, account.password_hash, hashed)
    return None, HTTPStatus.NO_CONTENT


def hash_new(account: accounts.Account, current: str, new: str) -> str:
    """The hash of an account's new password. Raises Unprocessable for one that is guessed first, and for the current one."""
    check_password(new, email=account.email, name=account.name, common=common_passwords())
    if new == current:
        raise Unprocessable("This is the current password.", {"reason": "unchanged"}, remedy="Choose another password.")
    return passwords.hash_password(new, platform=request_context.collaborator(AccountPolicy).platform_passwords)


def check_current(account: accounts.Account, password: str) -> None:
    """Let pass who knows the password; guesses are counted together with those at the login."""
    guard, counted_as = request_context.collaborator(LoginGuard), account.email or f"user {account.user_id}"
    guard.admit(counted_as, request_context.client_network())
    if not _fits(password, account.password_hash):
        raise Forbidden("The current password is another.", remedy="Send the account's password as current_password.")
    guard.succeeded(counted_as, request_context.client_network())


def list_tokens(limit: int, offset: int) -> dict[str, Any]:
    """List the caller's live tokens, newest first."""
    caller = request_context.caller()
    found = tokens.list_tokens(caller.user_id, request_context.now(), limit=limit, offset=offset)
    return render_runs.page(found, lambda token: render_runs.token_record(token, caller))


def revoke_current_token() -> tuple[None, int]:
    """End the token that the request came with."""
    return revoke_token(request_context.caller().shown_token_id)


def revoke_token(token_id: int) -> tuple[None, int]:
    """End one of the caller's live tokens."""
    with audited(AuditEvent.TOKEN_REVOKED, f"token:{token_id}"), transaction():
        tokens.revoke_token(request_context.caller().user_id, token_id, request_context.now())
    return None, HTTPStatus.NO_CONTENT
