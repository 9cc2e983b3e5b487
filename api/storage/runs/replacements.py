"""Stores which run replaces which run whose worker was lost."""
from __future__ import annotations

from sqlalchemy import select

from api.storage.database import session
from api.storage.platform_tables import TestForkRow
from api.storage.tables.runs import RunReplacementRow


def is_replaced(run_id: int) -> bool:
    """Whether the run has a replacement."""
    return session().get(RunReplacementRow, run_id) is not None


def store_replacement(run_id: int, replacement_id: int) -> None:
    """Within a transaction: store that the run `replacement_id` replaces the run `run_id`."""
    session().add(RunReplacementRow(run_id=run_id, replacement_id=replacement_id))
    session().flush()


def count_lost_before(run_id: int, at_most: int) -> int:
    """Count the lost runs in the chain of replacements that led to this run, up to `at_most`."""
    count, found = 0, run_id
    while count < at_most:
        before = session().execute(select(RunReplacementRow.run_id).where(RunReplacementRow.replacement_id == found)).scalar_one_or_none()
        if before is None:
            break
        count, found = count + 1, before
    return count


def is_fork(run_id: int) -> bool:
    """Whether the platform has a row that marks the run as a fork's."""
    return session().execute(select(TestForkRow.test_id).where(TestForkRow.test_id == run_id)).first() is not None
