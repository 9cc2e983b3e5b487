"""Finds the newest run of the main repository on each platform, and what the newest runs came to."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, union_all

from api.domain.runs.run import Platform, Run
from api.storage.database import session
from api.storage.runs.line import RAN
from api.storage.runs.run_rows import RUNS, run_of
from api.storage.tables.runs import RunRow


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tests a run has, how many passed, and how many failed or wrote nothing; the others did not run to an end."""

    tests: int
    passed: int
    failed: int


def load_newest_main_runs(main_repository: str) -> list[Run]:
    """Load, for each platform, the newest run of the main repository and no pull request that ran to an end."""
    newest = [
        select(RunRow.run_id).where(
            RunRow.repository == main_repository.lower(), RunRow.platform == platform.value, RunRow.pull_request.is_(None),
            RunRow.status.in_(RAN)).order_by(RunRow.created_at.desc(), RunRow.run_id.desc()).limit(1).subquery()
        for platform in Platform]
    ids = union_all(*(select(each.c.run_id) for each in newest)).subquery()
    rows: Any = session().execute(RUNS.join(ids, ids.c.run_id == RunRow.run_id).order_by(RunRow.platform))
    return [run_of(row) for row in rows]


def load_test_counts(run_ids: Collection[int]) -> Mapping[int, Tally]:
    """Load what the tests of each of these runs came to; those that are not over are left out."""
    if not run_ids:
        return {}
    rows = session().execute(
        select(RunRow.run_id, RunRow.total_samples, RunRow.pass_count, RunRow.fail_count, RunRow.missing_output_count)
        .where(RunRow.run_id.in_(run_ids), RunRow.total_samples.is_not(None)))
    return {
        run_id: Tally(total or 0, passed or 0, (failed or 0) + (missing or 0)) for run_id, total, passed, failed, missing in rows}
