"""`ci-api tokens`: issues, lists and revokes API tokens without a login."""
from __future__ import annotations

import argparse
import secrets
from typing import Any

from api.commands.audit import audit_log
from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.config import Settings
from api.domain.auth.access import Scope
from api.domain.auth.token import SECRET_BYTES, issue_token, usable_scopes
from api.host.clock import utc_now
from api.specfirst.responses.audit import AuditEvent, audited, user
from api.storage.auth import accounts, tokens
from api.storage.database import transaction

ALL = 1000


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser("tokens", help="issue, list and revoke API tokens", description="Issue, list and revoke API tokens.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser("issue", help="issue a token", description="Issue a token; its value is printed, this once.")
    new.add_argument("email")
    new.add_argument("name", help="unique among the user's live tokens")
    new.add_argument(
        "--scope", action="append", choices=[scope.value for scope in Scope], help="repeatable; default: all that the role can use")
    new.add_argument(
        "--days", type=int, default=30, choices=range(1, 91), metavar="1..90", help="days until it expires (default: %(default)s)")
    new.set_defaults(run=_issue)
    listing = actions.add_parser("list", help="list a user's live tokens", description="List a user's live tokens.")
    listing.add_argument("email")
    listing.set_defaults(run=_list)
    end = actions.add_parser("revoke", help="revoke a token", description="Revoke one of a user's live tokens, by its id.")
    end.add_argument("email")
    end.add_argument("token_id", type=int)
    end.set_defaults(run=_revoke)


def _issue(arguments: argparse.Namespace, settings: Settings) -> int:
    with audit_log(settings), open_database(settings):
        print(issue(arguments.email, arguments.name, arguments.scope, days=arguments.days, most=settings.tokens_per_user))
    return 0


def issue(email: str, name: str, scopes: list[str] | None, *, days: int, most: int | None = None) -> str:
    """Issue a token and return its value. Without `scopes` it has all scopes that the account's role can use."""
    account = _account(email)
    chosen = usable_scopes(account.role, list(Scope)) if scopes is None else [Scope(scope) for scope in scopes]
    token = issue_token(secrets.token_bytes(SECRET_BYTES), name, account.role, chosen, days=days, now=utc_now())
    with audited(AuditEvent.TOKEN_ISSUED, user(account.user_id), at=utc_now()) as deed, transaction():
        token_id = tokens.store_token(account, token, most=most)
        deed.subject, deed.detail = f"token:{token_id}", user(account.user_id)
    return token.value


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    with open_database(settings):
        for token in tokens.list_tokens(_account(arguments.email).user_id, utc_now(), limit=ALL, offset=0).items:
            print(f"{token.token_id}\t{token.name}\t{token.prefix}…\t{token.expires_at:%Y-%m-%d}\t{' '.join(token.scopes)}")
    return 0


def _revoke(arguments: argparse.Namespace, settings: Settings) -> int:
    with audit_log(settings), open_database(settings):
        account = _account(arguments.email)
        with audited(AuditEvent.TOKEN_REVOKED, f"token:{arguments.token_id}", at=utc_now()), transaction():
            tokens.revoke_token(account.user_id, arguments.token_id, utc_now())
    print("The token is revoked.")
    return 0


def _account(email: str) -> accounts.Account:
    account = accounts.find_account(email)
    if account is None:
        raise CommandFailed("There is no account with this e-mail.")
    return account
