"""The secrets with which workers report, and the rows that are locked while a report is stored."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from api.domain.random_source import RandomSource
from api.domain.runs.run import STAND_IN_PLATFORM, Platform
from api.storage.database import change, read, read_one, session
from api.storage.platform_tables import TestRow
from api.storage.tables.runs import RunRow

_SECRET = (
    select(TestRow.token, RunRow.status, RunRow.completed_at).outerjoin(RunRow, RunRow.run_id == TestRow.id)
    .where(TestRow.id == bindparam("run_id")))
# No secret that was made for a worker begins so, and in any order of characters it stands before those that do.
ERASED, FIRST_OF_SECRETS = "-", "0"
_DEAD = (
    select(TestRow.id).join(RunRow, RunRow.run_id == TestRow.id)
    .where(TestRow.token >= FIRST_OF_SECRETS, RunRow.completed_at < bindparam("before")).limit(bindparam("most")))
_RUN = select(RunRow.status, RunRow.expected_tests_id).where(RunRow.run_id == bindparam("run_id"))
_LOCK = _RUN.with_for_update()


@dataclass(frozen=True, slots=True)
class WorkerSecret:
    """A run's secret, status and end. Status and end are None if this server does not know them."""

    secret: str
    status: str | None
    completed_at: datetime | None


def find_secret(run_id: int) -> WorkerSecret | None:
    """Find the secret of a run. Returns None if there is no such run."""
    row = read_one(_SECRET, {"run_id": run_id})
    return None if row is None else WorkerSecret(*row)


def erase_dead_secrets(before: datetime, random_source: RandomSource, *, most: int) -> int:
    """Within a transaction: overwrite the secrets of up to `most` runs that ended before `before` with random ones. Returns the number.

    The runs are found in an index, so that the cost depends on the secrets to erase and not on the number of all runs.
    """
    dead = [row[0] for row in read(_DEAD, {"before": before, "most": most})]
    for run_id in dead:
        unknown = ERASED + random_source.random_bytes(24).hex()
        change(update(TestRow).where(TestRow.id == run_id).values(token=unknown))
    return len(dead)


def lock_reported_run(run_id: int) -> tuple[str, int | None] | None:
    """Within a transaction: lock a run. Returns its status and the id of its expected tests, or None if it is not registered."""
    row = read_one(_LOCK, {"run_id": run_id})
    return None if row is None else (row[0], row[1])


def find_expected_tests_id(run_id: int) -> int | None:
    """The id of a run's expected tests; None if it has none, or is not registered."""
    row = read_one(_RUN, {"run_id": run_id})
    return None if row is None else row[1]


def find_platform(run_id: int) -> Platform:
    """The platform of a run, which must exist."""
    return session().execute(select(TestRow.platform).where(TestRow.id == run_id)).scalar_one() or STAND_IN_PLATFORM
