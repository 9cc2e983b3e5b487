"""Runs: making them, finding them, listing them."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.exc import IntegrityError

from api.domain.page import Page
from api.domain.projection import repository_of
from api.domain.refusal import NotFound, Unavailable
from api.domain.run import Platform, Requester, Run, RunStatus
from api.domain.run_list import RunFilter, RunSort
from api.domain.text import fold
from api.domain.trigger import RunRequest
from api.storage.database import add_free_text, folded, session
from api.storage.enrolment import UNJUDGED, count_pending, judge_runs
from api.storage.expected_sets import load_definitions, save_expected_set
from api.storage.outcomes import derive_states
from api.storage.own_tables import RunRow
from api.storage.platform_tables import CustomizedTestRow, ForkRow, TestForkRow, TestRow, UserRow
from api.storage.run_pages import find_page, position_of

OVER = frozenset(status for status in RunStatus if status.is_over)
RAN_TO_AN_END = OVER - {RunStatus.CANCELED}


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be made: what was asked for, with the choices made for it, and its worker's secret (64 of [A-Za-z0-9])."""

    request: RunRequest
    regression_ids: tuple[int, ...]
    environment_id: str | None
    requester_id: int
    created_at: datetime
    worker_token: str
    is_fork: bool
    restricted: bool
    source_run_id: int | None = None
    reason: str | None = None


def create_run(new: NewRun) -> int:
    """Within a transaction: store a run and freeze what it is to execute. Returns its id."""
    request = new.request
    row = TestRow(
        platform=request.platform.value, test_type="pr" if request.pull_request else "commit", token=new.worker_token,
        fork_id=_fork_id(request.repository), branch=request.branch or "", commit=request.commit_sha.lower(),
        pr_nr=request.pull_request or 0)
    add_free_text(row, "branch")
    if new.restricted:
        session().add_all(CustomizedTestRow(test_id=row.id, regression_id=each) for each in new.regression_ids)
    if new.is_fork:
        session().add(TestForkRow(user_id=new.requester_id, test_id=row.id))
    session().add(RunRow(
        run_id=row.id, platform=row.platform, repository=request.repository.lower(), branch=row.branch or None,
        commit_sha=row.commit, pull_request=request.pull_request, created_at=new.created_at, requester_id=new.requester_id,
        environment_id=new.environment_id, source_run_id=new.source_run_id, reason=new.reason, parent_sha=request.parent_sha,
        merge_base_sha=request.merge_base_sha, expected_set_id=save_expected_set(load_definitions(new.regression_ids)),
        status=RunStatus.QUEUED.value))
    session().flush()
    return row.id


def _fork_id(repository: str) -> int:
    # The platform compares clone URLs letter by letter; GitHub does not, so an existing row in other letters serves too.
    url = f"https://github.com/{repository}.git"
    wanted = select(ForkRow.id).where(folded(ForkRow.github) == fold(url)).order_by(ForkRow.id).limit(1)
    found = session().execute(wanted).scalar_one_or_none()
    if found is not None:
        return found
    row = ForkRow(github=url)
    try:
        with session().begin_nested():
            session().add(row)
    except IntegrityError:
        return session().execute(wanted.with_for_update()).scalar_one()
    return row.id


def load_run(run_id: int, *, locked: bool = False) -> Run:
    """The run of this id; `locked`, within a transaction, holds its row until the end. Raises NotFound."""
    query = _query().where(RunRow.run_id == run_id)
    if locked:
        session().execute(select(RunRow.run_id).where(RunRow.run_id == run_id).with_for_update())
    row = session().execute(query).one_or_none()
    if row is None:
        raise NotFound("run", run_id, remedy="List runs with GET /runs.")
    if row.status == UNJUDGED:
        derive_states([run_id]) if locked else judge_runs([run_id])
        row = session().execute(query).one()
    return _run(row)


def load_states(run_ids: Collection[int]) -> dict[int, str]:
    """A text for each of these runs that exists, which changes whenever the run's state or its newest event does."""
    rows = session().execute(
        select(RunRow.run_id, RunRow.status, RunRow.last_progress_id).where(RunRow.run_id.in_(run_ids)))
    return {run_id: f"{status} {event_id}" for run_id, status, event_id in rows}


def list_runs(wanted: RunFilter, sort: RunSort, *, limit: int, offset: int = 0, cursor: str | None = None) -> Page[Run]:
    """A page of runs with the exact total: from `offset`, or behind `cursor` where one is given.

    Raises Invalid for a cursor of another list, Unavailable while finished runs of an adopted database are being judged
    and the answer depends on them.
    """
    if wanted.status in OVER and count_pending():
        raise Unavailable("Finished runs of this database are still being judged.", retry_after=10)
    page = find_page(wanted, sort, limit=limit, offset=offset, cursor=cursor)
    runs = _load_runs(page.run_ids)
    return Page(runs, limit, offset, page.total, position_of(runs[-1], sort).cursor() if page.more and runs else None)


def _load_runs(run_ids: Sequence[int]) -> list[Run]:
    """These runs, in this order; those whose verdicts are still to come are judged first."""
    query = _query().where(RunRow.run_id.in_(run_ids))
    rows = {row.run_id: row for row in session().execute(query)}
    while pending := [row.run_id for row in rows.values() if row.status == UNJUDGED]:
        judge_runs(pending)
        rows = {row.run_id: row for row in session().execute(query)}
    return [_run(rows[run_id]) for run_id in run_ids if run_id in rows]


def _query() -> Select[*tuple[Any, ...]]:
    return (
        select(
            RunRow.run_id, RunRow.status, RunRow.platform, func.coalesce(ForkRow.github, "").label("github"), TestRow.branch,
            TestRow.commit, RunRow.pull_request,
            RunRow.created_at, RunRow.expected_set_id, RunRow.started_at, RunRow.completed_at, RunRow.requester_id, UserRow.name,
            RunRow.environment_id, RunRow.source_run_id, RunRow.reason, RunRow.parent_sha, RunRow.merge_base_sha,
            RunRow.infrastructure_error_count)
        .join(TestRow, TestRow.id == RunRow.run_id).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id)
        .outerjoin(UserRow, UserRow.id == RunRow.requester_id))


def _run(row: Row[*tuple[Any, ...]]) -> Run:
    return Run(
        run_id=row.run_id, status=RunStatus(row.status), platform=Platform(row.platform), repository=repository_of(row.github),
        branch=row.branch or None, commit=row.commit, pull_request=row.pull_request, created_at=row.created_at,
        expected_set_id=row.expected_set_id, started_at=row.started_at, completed_at=row.completed_at,
        requester=None if row.requester_id is None else Requester(row.requester_id, row.name),
        environment_id=row.environment_id, source_run_id=row.source_run_id, reason=row.reason, parent_sha=row.parent_sha,
        merge_base_sha=row.merge_base_sha, infrastructure_error_count=row.infrastructure_error_count)


def average_duration(platform: Platform, *, runs: int = 20) -> timedelta | None:
    """The mean duration of the platform's last finished runs; None where none ran to an end."""
    durations = [
        completed - started for started, completed in session().execute(
            select(RunRow.started_at, RunRow.completed_at)
            .where(RunRow.platform == platform.value, RunRow.status.in_(list(RAN_TO_AN_END)), RunRow.started_at.is_not(None))
            .order_by(RunRow.run_id.desc()).limit(runs))
        if started is not None and completed is not None]
    return sum(durations, timedelta()) / len(durations) if durations else None
