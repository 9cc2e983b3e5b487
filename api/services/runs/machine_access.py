"""Whose a machine's token is."""
from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from api.domain.auth.token import token_digest
from api.domain.runs.machine import TOKEN_PREFIX, Machine
from api.storage.database import transact
from api.storage.runs.machines import find_machine, record_seen

# How exactly it is kept when a machine was last heard of.
SEEN_EVERY = timedelta(seconds=10)


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
