"""Reusable statements that load the rows of runs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ScalarSelect, Select, bindparam, case, func, select

from api.domain.display_bounds import repository_of
from api.domain.runs.run import Platform, Requester, Run, RunStatus
from api.storage.platform_tables import ForkRow, ResultFileRow, ResultRow, TestRow, UserRow
from api.storage.tables import RunReplacementRow, RunRow

# The status of a run that is over but was not judged yet.
UNJUDGED = "completed"
OVER = frozenset(status.value for status in RunStatus if status.is_finished)


def _count(table: type[ResultRow | ResultFileRow]) -> ScalarSelect[int]:
    return select(func.count()).where(table.test_id == RunRow.run_id).correlate(RunRow).scalar_subquery()


# Whether a run that is over has other reports by now than its verdicts were made from: the platform's own programs may write
# some after a run's end, and nothing marks such a row.
IS_BEHIND = case(
    (RunRow.status == UNJUDGED, True),
    (RunRow.status.in_(OVER), RunRow.report_count.is_distinct_from(_count(ResultRow) + _count(ResultFileRow))),
    else_=False)

RUNS: Select[*tuple[Any, ...]] = (
    select(
        RunRow.run_id, RunRow.status, RunRow.platform, func.coalesce(ForkRow.github, ""), TestRow.branch, TestRow.commit,
        RunRow.pull_request, RunRow.created_at, RunRow.expected_tests_id, RunRow.started_at, RunRow.completed_at,
        RunRow.requester_id, UserRow.name, RunRow.environment_id, RunRow.source_run_id,
        select(RunReplacementRow.replacement_id).where(RunReplacementRow.run_id == RunRow.run_id).correlate(RunRow).scalar_subquery(),
        RunRow.reason, RunRow.parent_sha, RunRow.merge_base_sha, RunRow.infrastructure_error_count, RunRow.altered)
    .join(TestRow, TestRow.id == RunRow.run_id).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id)
    .outerjoin(UserRow, UserRow.id == RunRow.requester_id))
# The last column tells whether the run is to be judged (anew) before it is shown.
ONE_RUN = RUNS.add_columns(IS_BEHIND.label("is_behind")).where(RunRow.run_id == bindparam("run_id"))

_STATUSES: Mapping[str, RunStatus] = {status.value: status for status in RunStatus}
_PLATFORMS: Mapping[str, Platform] = {platform.value: platform for platform in Platform}


def altered_in(stored: str | None) -> tuple[str, ...]:
    """The fields that a run's row names as altered."""
    return () if stored is None else tuple(stored.split())


def run_of(row: Sequence[Any]) -> Run:
    """The run of a row of `RUNS`."""
    (run_id, status, platform, github, branch, commit, pull_request, created_at, expected_tests_id, started_at, completed_at,
     requester_id, requester, environment_id, source_run_id, replaced_by, reason, parent_sha, merge_base_sha, infrastructure_errors,
     altered) = row
    return Run(
        run_id, _STATUSES[status], _PLATFORMS[platform], repository_of(github), branch or None, commit, pull_request, created_at,
        expected_tests_id, started_at, completed_at, None if requester_id is None else Requester(requester_id, requester),
        environment_id, source_run_id, replaced_by, reason, parent_sha, merge_base_sha, infrastructure_errors,
        altered_in(altered))
