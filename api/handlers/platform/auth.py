"""Operations on tokens and on the caller's own account, as the Sample Platform has them."""
from __future__ import annotations

from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from api.domain.auth.access import Role
from api.domain.errors import Forbidden, Invalid
from api.handlers.auth import own_account
from api.handlers.platform.parameters import parse_flag
from api.rendering.platform import system as render
from api.rendering.platform.runs import page
from api.specfirst import request_context
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.auth import accounts, token_records, tokens
from api.storage.auth.accounts import Account, load_account
from api.storage.database import transaction

Json = dict[str, Any]


def platform_create_token(body: Json) -> tuple[Json, int]:
    """Issue a token to whoever knows an account's password."""
    _, token = own_account.issue(body)
    return render.new_token(token), HTTPStatus.CREATED


def platform_list_tokens(limit: int, offset: int, all: str | None = None) -> Json:
    """List the caller's tokens, or everybody's, newest first."""
    caller, of_all = request_context.caller(), bool(parse_flag(all))
    if of_all and caller.role is not Role.ADMIN:
        raise Forbidden(
            "Your role may not list the tokens of others.", {"required_roles": [Role.ADMIN], "role": caller.role},
            remedy="Leave out all, or ask an administrator.")
    found = token_records.list_issued_tokens(None if of_all else caller.user_id, limit=limit, offset=offset)
    return page(found, render.token_record)


def platform_revoke_current_token() -> tuple[None, int]:
    """End the token that the request came with."""
    return own_account.revoke_current_token()


def platform_revoke_token(token_id: int) -> tuple[None, int]:
    """End one of the caller's live tokens."""
    return own_account.revoke_token(token_id)


def platform_get_me() -> Json:
    """Tell the caller whose token this is, and what it may do now."""
    caller = request_context.caller()
    return render.me(caller, tokens.load_token(caller.user_id, caller.shown_token_id))


def platform_get_github_link() -> Json:
    """Show the GitHub account that is known of the caller."""
    return render.github_link(load_account(request_context.caller().user_id))


def platform_update_me(body: Json) -> Json:
    """Change the caller's name, address or password."""
    account = load_account(request_context.caller().user_id)
    recorded = audited(AuditEvent.PASSWORD_CHANGED, audit.user(account.user_id)) if "new_password" in body else nullcontext()
    with recorded:
        hashed = _authorized(account, body)
        with transaction():
            accounts.record_profile(account.user_id, body.get("name"), body.get("email"))
            if hashed is not None:
                accounts.replace_password(account.user_id, account.password_hash, hashed)
    return render.user(load_account(account.user_id))


def _authorized(account: Account, body: Json) -> str | None:
    """The hash of the new password, None without one; who changes it or the address has to know the current one."""
    if not {"email", "new_password"} & body.keys():
        return None
    if "current_password" not in body:
        raise Invalid({"current_password": "Is required beside email and new_password."})
    own_account.check_current(account, body["current_password"])
    return own_account.hash_new(account, body["current_password"], body["new_password"]) if "new_password" in body else None


def platform_unlink_github() -> Json:
    """Forget the platform's token of the caller's GitHub account."""
    user_id = request_context.caller().user_id
    with transaction():
        accounts.forget_github_token(user_id)
    shown = render.github_link(load_account(user_id))
    return {name: shown[name] for name in ("linked", "github_login")}
