"""Which run was queued in place of which lost one."""
from __future__ import annotations

from sqlalchemy import select

from api.storage.database import session
from api.storage.platform_tables import TestForkRow
from api.storage.tables import RunReplacementRow


def is_replaced(run_id: int) -> bool:
    """Whether another run was queued in place of this one."""
    return session().get(RunReplacementRow, run_id) is not None


def store_replacement(run_id: int, replacement_id: int) -> None:
    """Within a transaction: store that a run was queued in place of another."""
    session().add(RunReplacementRow(run_id=run_id, replacement_id=replacement_id))
    session().flush()


def count_lost_before(run_id: int, at_most: int) -> int:
    """How many runs were lost one after the other before this one was queued; no more are counted than asked for."""
    count, found = 0, run_id
    while count < at_most:
        before = session().execute(select(RunReplacementRow.run_id).where(RunReplacementRow.replacement_id == found)).scalar_one_or_none()
        if before is None:
            break
        count, found = count + 1, before
    return count


def is_fork(run_id: int) -> bool:
    """Whether the platform holds the run as one of a fork."""
    return session().execute(select(TestForkRow.test_id).where(TestForkRow.test_id == run_id)).first() is not None
