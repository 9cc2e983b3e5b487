"""`ci-api users`: accounts, their roles and their GitHub logins."""
from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.config import Settings
from api.domain.access import Role
from api.storage import accounts, schema_state
from api.storage.database import db, transaction
from api.storage.passwords import hash_password

SHORTEST, LONGEST = 8, 128


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
    actions.add_parser("list", help="list accounts", description="List accounts.").set_defaults(run=_list)


def _add(arguments: argparse.Namespace, settings: Settings) -> int:
    with open_database(settings):
        hashed = hash_password(_password(), platform=_is_platform(settings))
        with transaction():
            user_id = accounts.create_account(
                arguments.name, arguments.email, Role(arguments.role), hashed, arguments.github_login or None)
    print(f"Account {user_id} is made.")
    return 0


def _change(arguments: argparse.Namespace, settings: Settings) -> int:
    with open_database(settings):
        account = accounts.find_account(arguments.email)
        if account is None:
            raise CommandFailed("There is no account with this e-mail.")
        if arguments.password and _is_platform(settings):
            raise CommandFailed("Passwords of a Sample Platform's database are changed on the platform.")
        hashed = hash_password(_password(), platform=False) if arguments.password else None
        with transaction():
            _record(account.user_id, arguments, hashed)
    print(f"Account {account.user_id} is changed.")
    return 0


def _record(user_id: int, arguments: argparse.Namespace, hashed: str | None) -> None:
    if hashed is not None:
        accounts.record_password(user_id, hashed)
    if arguments.role is not None:
        accounts.record_role(user_id, Role(arguments.role))
    if arguments.github_login is not None:
        accounts.record_github_login(user_id, arguments.github_login or None)
    if arguments.disabled is not None:
        accounts.record_disabled(user_id, arguments.disabled == "yes")


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    with open_database(settings):
        for account in accounts.list_accounts():
            state = "disabled" if account.disabled else "active"
            words = (account.user_id, account.role.value, state, account.email or "-", account.name, account.github_login or "-")
            print(*words, sep="\t")
    return 0


def _is_platform(settings: Settings) -> bool:
    return settings.adopted or schema_state.belongs_to_platform(db.engine)


def _password() -> str:
    """A password from the terminal, or where there is none from standard input's first line; never from the command line."""
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise CommandFailed(f"A password has {SHORTEST} to {LONGEST} characters.")
    return password
