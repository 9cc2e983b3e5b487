"""Creates, finds and lists runs."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from api.domain.errors import NotFound, Unavailable
from api.domain.page import Page
from api.domain.runs.run import Platform, Run, RunStatus
from api.domain.runs.run_list import RunFilter, RunSort
from api.domain.runs.trigger import RunRequest
from api.domain.text.casefold import casefold_ascii
from api.services.platform_sync import LONGEST_RUN, count_pending, judge_runs
from api.services.verdicts import derive_states
from api.storage.database import add_free_text, casefolded, read, session
from api.storage.platform_tables import CustomizedTestRow, ForkRow, TestForkRow, TestRow, UserRow
from api.storage.runs.expected_tests import load_definitions, save_expected_tests
from api.storage.runs.run_pages import find_page, position_of
from api.storage.runs.run_rows import ONE_RUN, OVER, UNJUDGED, run_of
from api.storage.tables import AccountRow, RunRow

RAN_TO_AN_END = OVER - {RunStatus.CANCELED}


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be made: what was asked for, with the choices made for it, and its worker's secret (64 of [A-Za-z0-9])."""

    request: RunRequest
    regression_ids: tuple[int, ...]
    environment_id: str | None
    requester_id: int | None
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
    if new.restricted and new.regression_ids:
        session().execute(insert(CustomizedTestRow), [{"test_id": row.id, "regression_id": each} for each in new.regression_ids])
    if new.is_fork and new.requester_id is not None:
        session().add(TestForkRow(user_id=new.requester_id, test_id=row.id))
    session().add(RunRow(
        run_id=row.id, platform=row.platform, repository=request.repository.lower(), branch=row.branch or None,
        commit_sha=row.commit, pull_request=request.pull_request, created_at=new.created_at, requester_id=new.requester_id,
        environment_id=new.environment_id, source_run_id=new.source_run_id, reason=new.reason, parent_sha=request.parent_sha,
        merge_base_sha=request.merge_base_sha, expected_tests_id=save_expected_tests(load_definitions(new.regression_ids)),
        status=RunStatus.QUEUED.value))
    session().flush()
    return row.id


def _fork_id(repository: str) -> int:
    # The platform compares clone URLs letter by letter; GitHub does not, so an existing row in other letters serves too.
    url = f"https://github.com/{repository}.git"
    wanted = select(ForkRow.id).where(casefolded(ForkRow.github) == casefold_ascii(url)).order_by(ForkRow.id).limit(1)
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
    if locked:
        session().execute(select(RunRow.run_id).where(RunRow.run_id == run_id).with_for_update())
    row = read(ONE_RUN, {"run_id": run_id}).one_or_none()
    if row is None:
        raise NotFound("run", run_id, remedy="List runs with GET /runs.")
    if row.is_behind:
        derive_states([run_id]) if locked else judge_runs([run_id])
        row = read(ONE_RUN, {"run_id": run_id}).one()
    return run_of(row[:-1])


def find_triggering_logins(repository: str, commit_sha: str) -> list[str]:
    """The GitHub logins, as of now, of those who triggered runs of this commit of this repository and are not locked out."""
    query = (
        select(UserRow.github_login).join(RunRow, RunRow.requester_id == UserRow.id)
        .outerjoin(AccountRow, AccountRow.user_id == UserRow.id)
        .where(
            RunRow.commit_sha == commit_sha.lower(), RunRow.repository == repository.lower(), UserRow.github_login.is_not(None),
            func.coalesce(AccountRow.disabled, False).is_(False)))
    return [login for login in session().execute(query.distinct()).scalars() if login]


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
    while pending := [row.run_id for row in page.rows if row.status == UNJUDGED]:
        judge_runs(pending)
        page = find_page(wanted, sort, limit=limit, offset=offset, cursor=cursor)
    runs = [run_of(row) for row in page.rows]
    return Page(runs, limit, offset, page.total, position_of(runs[-1], sort).cursor() if page.more and runs else None)


def average_duration(platform: Platform, *, runs: int = 20) -> timedelta | None:
    """The mean duration of the platform's last finished runs; None where none ran to an end."""
    durations = [
        completed - started for started, completed in session().execute(
            select(RunRow.started_at, RunRow.completed_at)
            .where(RunRow.platform == platform.value, RunRow.status.in_(list(RAN_TO_AN_END)), RunRow.started_at.is_not(None))
            .order_by(RunRow.started_at.desc(), RunRow.run_id.desc()).limit(runs))
        if started is not None and completed is not None]
    sane = [duration for duration in durations if timedelta() <= duration <= LONGEST_RUN]
    return sum(sane, timedelta()) / len(sane) if sane else None
