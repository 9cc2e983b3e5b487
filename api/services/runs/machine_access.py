"""Machines, as their keepers see them, and their tokens: issued, changed and ended, and whose each is."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from api.domain.auth.token import token_digest
from api.domain.page import Page
from api.domain.runs.machine import TOKEN_PREFIX, BusyMachine, Machine
from api.storage.database import transact
from api.storage.jobs import job_lists
from api.storage.runs import leases, machines
from api.storage.runs.machines import find_machine, record_seen

# How exactly it is kept when a machine was last heard of.
SEEN_EVERY = timedelta(seconds=10)


def add_machine(machine: Machine, token: str) -> None:
    """Add a machine that is known by this token, of which the digest is kept. Raises Conflict where the name is taken."""
    transact(partial(machines.add_machine, machine, token_digest(token)))


def rotate_token(name: str, token: str) -> None:
    """Let a machine be known by another token, which ends the one before once it is used. Raises NotFound."""
    transact(partial(machines.rotate_token, name, token_digest(token)))


def remove_machine(name: str) -> None:
    """End a machine's tokens. What it has claimed is lost when its leases pass. Raises NotFound."""
    transact(partial(machines.remove_machine, name))


def list_machine_page(*, limit: int, offset: int) -> Page[BusyMachine]:
    """A page of the machines, by name, with what each executes."""
    found = machines.list_machine_page(limit=limit, offset=offset)
    return Page(with_work(found.items), limit, offset, found.total)


def with_work(known: Sequence[Machine]) -> list[BusyMachine]:
    """These machines, with what each executes."""
    names = [each.name for each in known]
    runs, of_jobs = leases.list_executed_by(names), job_lists.list_executed_by(names)
    return [BusyMachine(each, runs.get(each.name, ()), of_jobs.get(each.name, ())) for each in known]


def find_by_token(token: str, now: datetime) -> Machine | None:
    """The machine of a token; None for one that is unknown or was ended."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    digest = token_digest(token)
    found = find_machine(digest)
    if found is None:
        return None
    machine, is_new = found
    if is_new or machine.seen_at is None or now - machine.seen_at >= SEEN_EVERY:
        transact(partial(record_seen, machine.name, digest, now))
    return machine
