"""Reusable statements that load the rows of runs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ScalarSelect, Select, case, func, literal, or_, select

from api.domain.display_bounds import repository_of
from api.domain.results.failure_code import RULES_VERSION
from api.domain.runs.run import Platform, Requester, Run, RunStatus
from api.storage.platform_tables import ForkRow, ResultFileRow, ResultRow, TestRow, UserRow
from api.storage.tables.runs import RunReplacementRow, RunRow

# The status of a run that is over but was not judged yet.
UNJUDGED = "completed"
OVER = frozenset(status.value for status in RunStatus if status.is_finished)


def _count(table: type[ResultRow | ResultFileRow]) -> ScalarSelect[int]:
    return select(func.count()).where(table.test_id == RunRow.run_id).correlate(RunRow).scalar_subquery()


# Whether a run that is over was not judged yet, or by older rules.
IS_DUE = or_(RunRow.status == UNJUDGED, func.coalesce(RunRow.rules_version, RULES_VERSION) < RULES_VERSION)
# Whether a run that is over has other reports by now than its verdicts were made from, too: the platform's own programs may write
# some after a run's end, and nothing marks such a row.
IS_BEHIND = case(
    (IS_DUE, True),
    (RunRow.status.in_(list(map(literal, sorted(OVER)))), RunRow.report_count.is_distinct_from(_count(ResultRow) + _count(ResultFileRow))),
    else_=False)

RUNS: Select[*tuple[Any, ...]] = (
    select(
        RunRow.run_id, RunRow.status, RunRow.platform, func.coalesce(ForkRow.github, ""), TestRow.branch, TestRow.commit,
        RunRow.pull_request, RunRow.created_at, RunRow.expected_tests_id, RunRow.started_at, RunRow.completed_at,
        RunRow.requester_id, UserRow.name, RunRow.environment_id, RunRow.source_run_id,
        select(RunReplacementRow.replacement_id).where(RunReplacementRow.run_id == RunRow.run_id).correlate(RunRow).scalar_subquery(),
        RunRow.reason, RunRow.parent_sha, RunRow.merge_base_sha, RunRow.build_duration_ms,
        func.coalesce(RunRow.shards, 1), RunRow.infrastructure_error_count, RunRow.altered, RunRow.evidence)
    .join(TestRow, TestRow.id == RunRow.run_id).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id)
    .outerjoin(UserRow, UserRow.id == RunRow.requester_id))
COLUMNS = len(RUNS.selected_columns)

_STATUSES: Mapping[str, RunStatus] = {status.value: status for status in RunStatus}
_PLATFORMS: Mapping[str, Platform] = {platform.value: platform for platform in Platform}


def altered_in(stored: str | None) -> tuple[str, ...]:
    """The fields that a run's row names as altered."""
    return () if stored is None else tuple(stored.split())


def run_of(row: Sequence[Any]) -> Run:
    """The run of a row that begins with the columns of `RUNS`."""
    (run_id, status, platform, github, branch, commit, pull_request, created_at, expected_tests_id, started_at, completed_at,
     requester_id, requester, environment_id, source_run_id, replaced_by, reason, parent_sha, merge_base_sha, build_duration_ms,
     shards, infrastructure_errors, altered, evidence) = row[:COLUMNS]
    return Run(
        run_id, _STATUSES[status], _PLATFORMS[platform], repository_of(github), branch or None, commit, pull_request, created_at,
        expected_tests_id, started_at, completed_at, None if requester_id is None else Requester(requester_id, requester),
        environment_id, source_run_id, replaced_by, reason, parent_sha, merge_base_sha, build_duration_ms, shards,
        infrastructure_errors, altered_in(altered), evidence)
