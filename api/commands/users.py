"""`ci-api users`: manages accounts, their roles, passwords and GitHub logins."""
from __future__ import annotations

import argparse
import getpass
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from api.commands.audit import audit_log
from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.config import Settings
from api.domain.auth.access import Role
from api.domain.auth.password import check_password
from api.host.clock import utc_now
from api.integrations.github.identity import GitHub, GitHubSilent, GitHubUser
from api.specfirst.responses.audit import AuditEvent, audited, user
from api.storage import schema_state
from api.storage.auth import accounts
from api.storage.auth.common_passwords import common_passwords
from api.storage.auth.passwords import hash_password, verify_password
from api.storage.database import db, transaction

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser("users", help="make and change accounts", description="Make and change accounts.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser(
        "add", help="make an account", description="Make an account; the password is asked for, or read from standard input.")
    new.add_argument("email")
    new.add_argument("--name", required=True, help="shown as triggered_by")
    new.add_argument("--role", choices=[role.value for role in Role], default=Role.USER.value)
    new.add_argument("--github-login", help="the GitHub account whose forks the user may run; verify that it is theirs")
    new.set_defaults(run=_add)
    change = actions.add_parser("change", help="change an account", description="Change an account; only what is named changes.")
    change.add_argument("email")
    change.add_argument("--role", choices=[role.value for role in Role])
    change.add_argument("--github-login", help="the verified GitHub login; empty to forget it")
    change.add_argument("--password", action="store_true", help="ask for a new password, which ends all tokens of the account")
    change.add_argument("--disabled", choices=["yes", "no"], help="whether the account is locked out")
    change.set_defaults(run=_change)
    own = actions.add_parser(
        "password", help="change one's own password",
        description="Change a password by whoever knows it: the current one and the new one are asked for, or read from two lines of "
        "standard input. All tokens of the account end.")
    own.add_argument("email")
    own.set_defaults(run=_change_own_password)
    actions.add_parser("list", help="list accounts", description="List accounts.").set_defaults(run=_list)


def _add(arguments: argparse.Namespace, settings: Settings) -> int:
    with _opened(settings):
        hashed = hash_password(_new_password(arguments.email, arguments.name), platform=_is_platform(settings))
        linked = _github_user(arguments.github_login, settings)
        with audited(AuditEvent.ACCOUNT_CREATED, at=utc_now()) as deed, transaction():
            user_id = accounts.create_account(
                arguments.name, arguments.email, Role(arguments.role), hashed, arguments.github_login or None,
                linked.number if linked else None)
            deed.subject, deed.detail = user(user_id), arguments.role
    print(f"Account {user_id} is made.")
    return 0


def _change(arguments: argparse.Namespace, settings: Settings) -> int:
    with _opened(settings):
        account = _account(arguments.email)
        if arguments.password and _is_platform(settings):
            raise CommandFailed("Passwords of a Sample Platform's database are changed on the platform.")
        hashed = hash_password(_new_password(account.email, account.name), platform=False) if arguments.password else None
        linked = _verified_link(account, arguments.github_login, settings)
        with ExitStack() as recorded:
            for event, detail in _events(account, arguments):
                recorded.enter_context(audited(event, user(account.user_id), at=utc_now())).detail = detail
            with transaction():
                _record(account.user_id, arguments, hashed, linked)
    print(f"Account {account.user_id} is changed.")
    return 0


def _events(account: accounts.Account, arguments: argparse.Namespace) -> Iterator[tuple[AuditEvent, str | None]]:
    if arguments.password:
        yield AuditEvent.PASSWORD_CHANGED, None
    if arguments.role is not None:
        yield AuditEvent.ROLE_CHANGED, f"{account.role or 'none'} to {arguments.role}"
    if arguments.github_login is not None:
        yield AuditEvent.GITHUB_LINKED, arguments.github_login
    if arguments.disabled is not None:
        yield AuditEvent.ACCOUNT_DISABLED if arguments.disabled == "yes" else AuditEvent.ACCOUNT_ENABLED, None


def _record(user_id: int, arguments: argparse.Namespace, hashed: str | None, linked: GitHubUser | None) -> None:
    if hashed is not None:
        accounts.record_password(user_id, hashed)
    if arguments.role is not None:
        accounts.record_role(user_id, Role(arguments.role))
    if arguments.github_login is not None:
        accounts.record_github_login(user_id, arguments.github_login or None, linked.number if linked else None)
    if arguments.disabled is not None:
        accounts.record_disabled(user_id, arguments.disabled == "yes")


def _change_own_password(arguments: argparse.Namespace, settings: Settings) -> int:
    with _opened(settings):
        account, platform = accounts.find_account(arguments.email), _is_platform(settings)
        current = _typed("Current password: ")
        if not verify_password(current, None if account is None else account.password_hash, platform=platform) or account is None:
            raise CommandFailed("E-mail or password is wrong.")
        new = _new_password(account.email, account.name)
        if new == current:
            raise CommandFailed("This is the current password.")
        hashed = hash_password(new, platform=platform)
        with audited(AuditEvent.PASSWORD_CHANGED, user(account.user_id), at=utc_now()) as deed, transaction():
            deed.actor_id = account.user_id
            accounts.replace_password(account.user_id, account.password_hash, hashed)
    print("The password is changed; all tokens of the account have ended.")
    return 0


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    with open_database(settings):
        for account in accounts.list_accounts():
            state = "disabled" if account.disabled else "active"
            words = (account.user_id, account.role or "-", state, account.email or "-", account.name or "-", account.github_login or "-")
            print(*words, sep="\t")
    return 0


@contextmanager
def _opened(settings: Settings) -> Iterator[None]:
    with audit_log(settings), open_database(settings):
        yield


def _account(email: str) -> accounts.Account:
    account = accounts.find_account(email)
    if account is None:
        raise CommandFailed("There is no account with this e-mail.")
    return account


def _is_platform(settings: Settings) -> bool:
    return settings.shared_with_platform or schema_state.belongs_to_platform(db.engine)


def _github_user(login: str | None, settings: Settings) -> GitHubUser | None:
    """Ask GitHub for the user with this login. Returns None if GitHub does not answer. Raises CommandFailed if there is no such user."""
    if not login:
        return None
    try:
        found = GitHub(settings.github_api_url, token=settings.github_token).find_user(login)
    except GitHubSilent:
        log.warning("the login is stored without the user's number, since GitHub did not tell it")
        return None
    if found is None:
        raise CommandFailed("GitHub has no user of this name.")
    return found


def _verified_link(account: accounts.Account, login: str | None, settings: Settings) -> GitHubUser | None:
    """Find the GitHub user of an account's login. Raises CommandFailed if the login that is linked now belongs to another GitHub user."""
    found = _github_user(login, settings)
    known = account.github_number if account.github_login == login else None
    if found is not None and known is not None and found.number != known:
        raise CommandFailed(
            "At GitHub this login is another user's than the one that was linked; forget it first with --github-login '' if it is right.")
    if found is None and known is not None and login:
        # GitHub is silent, and what it said before still holds for all that we know.
        return GitHubUser(login, known)
    return found


def _new_password(email: str | None, name: str) -> str:
    """Read a new password. Raises Unprocessable if it is not acceptable."""
    password = _typed("New password: ")
    check_password(password, email=email, name=name, common=common_passwords())
    return password


def _typed(prompt: str) -> str:
    """Read a password from the terminal, or from a line of standard input if there is no terminal. It is never an argument."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
