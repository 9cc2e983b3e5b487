"""What a worker's token gives access to: its run, the run's tests and outputs."""
from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update

from api.domain.random_source import RandomSource
from api.domain.runs.expected_tests import ExpectedTest
from api.domain.runs.run import STAND_IN_PLATFORM, Platform, RunStatus
from api.services.platform_sync import sync_run
from api.storage.database import change, read, session
from api.storage.platform_tables import TestRow
from api.storage.runs.expected_tests import load_expected_tests
from api.storage.runs.run_rows import OVER, UNJUDGED
from api.storage.tables import RunRow

_TOKEN = (
    select(TestRow.token, RunRow.status, RunRow.completed_at).outerjoin(RunRow, RunRow.run_id == TestRow.id)
    .where(TestRow.id == bindparam("run_id")))
# No secret that was made for a worker begins so, and in any order of characters it stands before those that do.
ERASED, FIRST_OF_SECRETS = "-", "0"
_DEAD = (
    select(TestRow.id).join(RunRow, RunRow.run_id == TestRow.id)
    .where(TestRow.token >= FIRST_OF_SECRETS, RunRow.completed_at < bindparam("before")).limit(bindparam("most")))
_LOCK = select(RunRow.status, RunRow.expected_tests_id).where(RunRow.run_id == bindparam("run_id")).with_for_update()


@dataclass(frozen=True, slots=True)
class WorkersRun:
    """A run as its worker's messages meet it."""

    run_id: int
    status: RunStatus
    expected_tests_id: int | None

    def find_test(self, regression_id: int) -> ExpectedTest | None:
        """The regression test of this id, where it is in the run's set."""
        return load_expected_tests(self.expected_tests_id).by_id.get(regression_id)


def is_workers_token(run_id: int, token: str, now: datetime, grace: timedelta) -> bool:
    """Whether this is the run's secret and still alive: a run that is over keeps it for a grace period only."""
    row = read(_TOKEN, {"run_id": run_id}).one_or_none()
    if row is None or not row.token or not hmac.compare_digest(row.token.encode(), token.encode("utf-8", "surrogatepass")):
        return False
    if row.status not in (UNJUDGED, *OVER):
        return True
    # An end that lies ahead, or that nobody can read, is no reason to be trusted any longer.
    return row.completed_at is not None and abs(now - row.completed_at) <= grace


def erase_dead_secrets(before: datetime, chance: RandomSource, *, most: int) -> int:
    """Within a transaction: put what nobody knows in place of the secrets of up to `most` runs that were over before then; how many.

    A secret is looked for where they are in order, so that this costs as much as there are, however many runs there were.
    """
    dead = [row[0] for row in read(_DEAD, {"before": before, "most": most})]
    for run_id in dead:
        unknown = ERASED + chance.random_bytes(24).hex()
        change(update(TestRow).where(TestRow.id == run_id).values(token=unknown))
    return len(dead)


def lock_workers_run(run_id: int, now: datetime) -> WorkersRun:
    """Within a transaction: the run, held until its end; it is registered where this message is the first we hear of it."""
    row = read(_LOCK, {"run_id": run_id}).one_or_none()
    if row is None:
        sync_run(run_id, now)
        row = read(_LOCK, {"run_id": run_id}).one()
    return WorkersRun(run_id, RunStatus.RUNNING if row[0] == UNJUDGED else RunStatus(row[0]), row[1])


def find_platform(run_id: int) -> Platform:
    """The platform of a run that is known to exist."""
    return session().execute(select(TestRow.platform).where(TestRow.id == run_id)).scalar_one() or STAND_IN_PLATFORM
