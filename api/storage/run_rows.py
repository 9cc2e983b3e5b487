"""The rows that runs are read from, by statements that are made once."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select

from api.domain.projection import repository_of
from api.domain.run import Platform, Requester, Run, RunStatus
from api.storage.own_tables import RunRow
from api.storage.platform_tables import ForkRow, TestRow, UserRow

RUNS: Select[*tuple[Any, ...]] = (
    select(
        RunRow.run_id, RunRow.status, RunRow.platform, func.coalesce(ForkRow.github, ""), TestRow.branch, TestRow.commit,
        RunRow.pull_request, RunRow.created_at, RunRow.expected_set_id, RunRow.started_at, RunRow.completed_at,
        RunRow.requester_id, UserRow.name, RunRow.environment_id, RunRow.source_run_id, RunRow.reason, RunRow.parent_sha,
        RunRow.merge_base_sha, RunRow.infrastructure_error_count)
    .join(TestRow, TestRow.id == RunRow.run_id).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id)
    .outerjoin(UserRow, UserRow.id == RunRow.requester_id))
ONE_RUN = RUNS.where(RunRow.run_id == bindparam("run_id"))

_STATUSES: Mapping[str, RunStatus] = {status.value: status for status in RunStatus}
_PLATFORMS: Mapping[str, Platform] = {platform.value: platform for platform in Platform}


def run_of(row: Row[*tuple[Any, ...]]) -> Run:
    """The run of a row of `RUNS`."""
    (run_id, status, platform, github, branch, commit, pull_request, created_at, expected_set_id, started_at, completed_at,
     requester_id, requester, environment_id, source_run_id, reason, parent_sha, merge_base_sha, infrastructure_errors) = row
    return Run(
        run_id, _STATUSES[status], _PLATFORMS[platform], repository_of(github), branch or None, commit, pull_request, created_at,
        expected_set_id, started_at, completed_at, None if requester_id is None else Requester(requester_id, requester),
        environment_id, source_run_id, reason, parent_sha, merge_base_sha, infrastructure_errors)
