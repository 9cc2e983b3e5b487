"""`ci-api machines`: says which machines may execute runs and jobs, and issues their tokens."""
from __future__ import annotations

import argparse
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from api.commands.audit import audit_log
from api.commands.database import open_database
from api.commands.failure import CommandFailed
from api.config import Settings
from api.domain.auth.token import token_digest
from api.domain.runs.machine import NAME, SECRET_BYTES, Machine, WorkKind, machine_token
from api.domain.runs.run import Platform
from api.host.clock import utc_now
from api.host.permissions import PRIVATE
from api.services.runs import machine_access
from api.specfirst.responses import audit
from api.specfirst.responses.audit import AuditEvent, audited
from api.storage.runs import machines

_TOKEN = re.compile(r"spcm_[A-Za-z0-9_-]{43}")


def add(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "machines", help="add, list and remove machines, and change their tokens",
        description="Say which machines may execute runs and jobs. A machine is one process of `ci-api machine` at a time.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser("add", help="add a machine", description="Add a machine; its token is printed, this once.")
    new.add_argument("name", type=_name)
    new.add_argument("--platform", choices=[platform.value for platform in Platform], default="linux", help="default: %(default)s")
    new.add_argument(
        "--takes", action="append", choices=[kind.value for kind in WorkKind], help="run or job; may be said twice (default: both)")
    new.add_argument(
        "--token-file", type=Path, help="write the token into this file; done a second time with the same file, nothing changes")
    new.set_defaults(run=_add)
    listing = actions.add_parser(
        "list", help="list the machines",
        description="List the machines: name, what they take, platform, when they were last seen, and what they execute.")
    listing.set_defaults(run=_list)
    rotate = actions.add_parser(
        "rotate", help="change a machine's token",
        description="Issue a new token for a machine; it is printed, this once. The old one ends when the new one is first used.")
    rotate.add_argument("name")
    rotate.set_defaults(run=_rotate)
    remove = actions.add_parser(
        "remove", help="remove a machine", description="End a machine's tokens. What it is executing is lost when its lease has passed.")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)


def _add(arguments: argparse.Namespace, settings: Settings) -> int:
    platform = Platform(arguments.platform)
    kinds = tuple(kind for kind in WorkKind if arguments.takes is None or kind in arguments.takes)
    with audit_log(settings), open_database(settings):
        if arguments.token_file is None:
            print(issue(arguments.name, platform, kinds))
        else:
            add_by_file(arguments.name, platform, kinds, arguments.token_file)
    return 0


def issue(name: str, platform: Platform, kinds: Iterable[WorkKind]) -> str:
    """Add a machine that executes these, and return its token. Raises Conflict where the name is taken."""
    token = _new_token()
    _keep(Machine(name, tuple(kinds), platform, utc_now()), token)
    return token


def add_by_file(name: str, platform: Platform, kinds: Iterable[WorkKind], file: Path) -> None:
    """Add the machine whose token this file has, or is given; a machine that has been added so stays as it is.

    The file is written first: what breaks off between the two is made up for by doing it again. Raises CommandFailed and Conflict.
    """
    token = _token_in(file)
    known = machines.find_machine(token_digest(token))
    if known is None:
        _keep(Machine(name, tuple(kinds), platform, utc_now()), token)
    elif (known[0].name, known[0].platform) != (name, platform):
        raise CommandFailed(f"{file} has the token of another machine: {known[0].name}, {known[0].platform}")


def _token_in(file: Path) -> str:
    try:
        token = file.read_text(encoding="ascii").strip() if file.exists() else ""
        if not token:
            token = _new_token()
            with open(PRIVATE.open(file, os.O_WRONLY | os.O_TRUNC), "w", encoding="ascii") as new:
                new.write(f"{token}\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise CommandFailed(f"{file}: {fault}") from fault
    if _TOKEN.fullmatch(token) is None:
        raise CommandFailed(f"{file} holds something else than a machine's token")
    return token


def _keep(machine: Machine, token: str) -> None:
    with audited(AuditEvent.TOKEN_ISSUED, audit.machine(machine.name), at=utc_now()):
        machine_access.add_machine(machine, token)


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    with open_database(settings):
        for found in machine_access.with_work(machines.list_machines()):
            each, work = found.machine, [f"run {run_id}" for run_id in found.run_ids] + [f"job {job_id}" for job_id in found.job_ids]
            seen = "never" if each.seen_at is None else f"{each.seen_at:%Y-%m-%dT%H:%M:%SZ}"
            print(f"{each.name}\t{' '.join(each.kinds)}\t{each.platform}\t{seen}\t{', '.join(work) or 'nothing'}")
    return 0


def _rotate(arguments: argparse.Namespace, settings: Settings) -> int:
    with audit_log(settings), open_database(settings):
        print(rotate(arguments.name))
    return 0


def rotate(name: str) -> str:
    """Give a machine a new token, and return it. Raises NotFound."""
    token = _new_token()
    with audited(AuditEvent.TOKEN_ISSUED, audit.machine(name), at=utc_now()):
        machine_access.rotate_token(name, token)
    return token


def _remove(arguments: argparse.Namespace, settings: Settings) -> int:
    with audit_log(settings), open_database(settings):
        with audited(AuditEvent.TOKEN_REVOKED, audit.machine(arguments.name), at=utc_now()):
            machine_access.remove_machine(arguments.name)
    print("The machine is removed.")
    return 0


def _new_token() -> str:
    return machine_token(secrets.token_bytes(SECRET_BYTES))


def _name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError("must be letters, digits, dots, hyphens and underscores, 60 at most, a letter or digit first")
    return text
