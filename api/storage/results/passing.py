"""Finds the runs that regression tests had lately, and those in which they passed."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from api.domain.results.result import Verdict
from api.domain.runs.run import Platform, Run, RunStatus
from api.storage.database import session
from api.storage.tables.results import VerdictRow
from api.storage.tables.runs import RunRow

OVER = (RunStatus.PASS.value, RunStatus.FAIL.value, RunStatus.INCOMPLETE.value)


def list_passing_runs(run: Run, regression_id: int, *, limit: int) -> list[int]:
    """List the runs before this one, on its platform, in which the test passed, the newest first."""
    return list(session().execute(
        select(VerdictRow.run_id)
        .where(
            VerdictRow.regression_id == regression_id, VerdictRow.verdict == Verdict.PASS.value,
            VerdictRow.platform == run.platform.value, VerdictRow.created_at <= run.created_at, VerdictRow.run_id != run.run_id)
        .order_by(VerdictRow.created_at.desc(), VerdictRow.run_id.desc()).limit(limit)).scalars())


def list_passing_tests(run: Run, regression_ids: Collection[int], *, runs: int, limit: int) -> list[tuple[int, int]]:
    """List where these tests passed in the last `runs` runs before this one on its platform, as pairs of run id and regression id."""
    before = (
        select(RunRow.run_id)
        .where(RunRow.platform == run.platform.value, RunRow.status.in_(OVER), RunRow.run_id < run.run_id)
        .order_by(RunRow.run_id.desc()).limit(runs).subquery())
    rows = session().execute(
        select(VerdictRow.run_id, VerdictRow.regression_id).join(before, before.c.run_id == VerdictRow.run_id)
        .where(VerdictRow.regression_id.in_(regression_ids), VerdictRow.verdict == Verdict.PASS.value)
        .order_by(VerdictRow.run_id.desc(), VerdictRow.regression_id).limit(limit))
    return [(run_id, regression_id) for run_id, regression_id in rows]


@dataclass(frozen=True, slots=True)
class RunOfTest:
    """A finished run that executed a test; `repository` is in small letters."""

    run_id: int
    commit: str
    platform: Platform
    repository: str
    pull_request: int | None


def list_runs_with(regression_id: int, *, limit: int) -> list[RunOfTest]:
    """List the finished runs that have a verdict of the test, the newest first."""
    rows = session().execute(
        select(RunRow.run_id, RunRow.commit_sha, RunRow.platform, RunRow.repository, RunRow.pull_request)
        .join(VerdictRow, VerdictRow.run_id == RunRow.run_id)
        .where(VerdictRow.regression_id == regression_id, VerdictRow.run_status.in_(OVER))
        .order_by(VerdictRow.created_at.desc(), VerdictRow.run_id.desc()).limit(limit))
    return [RunOfTest(run_id, commit, Platform(on), repository, pull_request) for run_id, commit, on, repository, pull_request in rows]
