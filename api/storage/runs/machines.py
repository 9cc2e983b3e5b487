"""Machines and the digests of their tokens. While a machine has two tokens, the newer takes over once it is first used."""
from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from api.domain.errors import Conflict, NotFound
from api.domain.page import Page
from api.domain.runs.machine import Machine, WorkKind
from api.domain.runs.run import Platform
from api.storage.database import change, read_one, session
from api.storage.tables.runs import MachineRow

_COLUMNS = (
    MachineRow.name, MachineRow.kinds, MachineRow.platform, MachineRow.created_at, MachineRow.seen_at, MachineRow.next_digest.is_not(None))
_BY_DIGEST = select(MachineRow.next_digest, *_COLUMNS).where(
    or_(MachineRow.digest == bindparam("digest"), MachineRow.next_digest == bindparam("digest")))


def add_machine(machine: Machine, digest: str) -> None:
    """Within a transaction: keep a machine with the digest of its token. Raises Conflict where the name is taken."""
    session().add(MachineRow(
        name=machine.name, kinds=" ".join(machine.kinds), platform=machine.platform.value, digest=digest, next_digest=None,
        created_at=machine.created_at, seen_at=machine.seen_at))
    try:
        session().flush()
    except IntegrityError as taken:
        raise Conflict("There is a machine of this name.", remedy="Choose another name, or rotate that machine's token.") from taken


def find_machine(digest: str) -> tuple[Machine, bool] | None:
    """The machine whose token has this digest, and whether that is its new one; None where there is none."""
    row = read_one(_BY_DIGEST, {"digest": digest})
    return None if row is None else (_machine(*row[1:]), row[0] == digest)


def is_known(name: str) -> bool:
    """Whether there is a machine of this name."""
    return session().execute(select(MachineRow.name).where(MachineRow.name == name)).first() is not None


def record_seen(name: str, digest: str, now: datetime) -> None:
    """Within a transaction: a machine was heard of, by the token of this digest; if that is its new one, the other one ends."""
    change(update(MachineRow).where(MachineRow.name == name).values(seen_at=now))
    change(update(MachineRow).where(MachineRow.name == name, MachineRow.next_digest == digest).values(digest=digest, next_digest=None))


def rotate_token(name: str, digest: str) -> None:
    """Within a transaction: give a machine a new token beside the one that it has. Raises NotFound."""
    if not change(update(MachineRow).where(MachineRow.name == name).values(next_digest=digest)):
        raise _unknown(name)


def remove_machine(name: str) -> None:
    """Within a transaction: end a machine's tokens. What it has claimed is lost when its leases pass. Raises NotFound."""
    if not change(delete(MachineRow).where(MachineRow.name == name)):
        raise _unknown(name)


def list_machines() -> list[Machine]:
    """All machines, by name."""
    return [_machine(*row) for row in session().execute(select(*_COLUMNS).order_by(MachineRow.name))]


def list_machine_page(*, limit: int, offset: int) -> Page[Machine]:
    """A page of the machines, by name."""
    total = session().execute(select(func.count()).select_from(MachineRow)).scalar_one()
    rows = session().execute(select(*_COLUMNS).order_by(MachineRow.name).limit(limit).offset(offset))
    return Page([_machine(*row) for row in rows], limit, offset, total)


def _machine(
    name: str, kinds: str, platform: str, created_at: datetime, seen_at: datetime | None, has_unused_token: bool,
) -> Machine:
    known = tuple(WorkKind(kind) for kind in kinds.split())
    return Machine(name, known, Platform(platform), created_at, seen_at, bool(has_unused_token))


def _unknown(name: str) -> NotFound:
    return NotFound("machine", name, remedy="GET /machines and `ci-api machines list` name them.")
