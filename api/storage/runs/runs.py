"""Loads single runs and their states."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select

from api.domain.runs.run import Platform, Run, RunStatus
from api.storage.database import read_one, session
from api.storage.platform_tables import UserRow
from api.storage.runs.platform_changes import HAS_CHANGES
from api.storage.runs.run_rows import IS_BEHIND, OVER, RUNS, UNJUDGED, run_of
from api.storage.tables.accounts import AccountRow
from api.storage.tables.runs import LateEventRow, RunRow

RAN_TO_AN_END = OVER - {RunStatus.CANCELED}


_ONE_RUN = RUNS.add_columns(
    select(func.count()).where(LateEventRow.run_id == RunRow.run_id).correlate(RunRow).scalar_subquery().label("late_events"),
    HAS_CHANGES.label("has_changes"), IS_BEHIND.label("is_behind"), (RunRow.status == UNJUDGED).label("is_unjudged")
).where(RunRow.run_id == bindparam("run_id"))


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run's row, and what must be done before it is shown.

    `has_changes`: the platform's programs changed some run, perhaps another. `is_behind`: this run must be judged, or judged again.
    """

    has_changes: bool
    is_behind: bool
    late_events: int
    row: Sequence[Any]

    @property
    def is_unjudged(self) -> bool:
        """Whether the run is finished and was not judged yet."""
        return bool(self.row[-1])

    @property
    def run(self) -> Run:
        """The run; a finished run must have been judged before."""
        return run_of(self.row)._replace(late_events=self.late_events)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What the platform's tables need to know of the end of a run."""

    status: str
    platform: str
    repository: str
    pull_request: int | None
    started_at: datetime | None
    completed_at: datetime | None


def lock_run(run_id: int) -> None:
    """Within a transaction: lock the run's row."""
    session().execute(select(RunRow.run_id).where(RunRow.run_id == run_id).with_for_update())


def find_run(run_id: int) -> FoundRun | None:
    """Find a run's row. Returns None if there is no such run."""
    row = read_one(_ONE_RUN, {"run_id": run_id})
    return None if row is None else FoundRun(row.has_changes, row.is_behind, row.late_events, row)


def load_end(run_id: int) -> RunEnd:
    """Load what the platform's tables need to know of the end of a run."""
    row = session().execute(
        select(RunRow.status, RunRow.platform, RunRow.repository, RunRow.pull_request, RunRow.started_at, RunRow.completed_at)
        .where(RunRow.run_id == run_id)).one()
    return RunEnd(*row)


def find_triggering_logins(repository: str, commit_sha: str) -> list[str]:
    """The present GitHub logins of the users who triggered runs of this commit in this repository. Disabled accounts are left out."""
    query = (
        select(UserRow.github_login).join(RunRow, RunRow.requester_id == UserRow.id)
        .outerjoin(AccountRow, AccountRow.user_id == UserRow.id)
        .where(
            RunRow.commit_sha == commit_sha.lower(), RunRow.repository == repository.lower(), UserRow.github_login.is_not(None),
            func.coalesce(AccountRow.disabled, False).is_(False)))
    return [login for login in session().execute(query.distinct()).scalars() if login]


def find_commit(beginning: str) -> str | None:
    """The hash of a commit with runs that begins with these hexadecimal digits; of several that do, any. None where there is none."""
    first = beginning.lower()
    # No digit comes behind f.
    within = RunRow.commit_sha >= first, RunRow.commit_sha < f"{first}g"
    return session().execute(select(RunRow.commit_sha).where(*within).limit(1)).scalar_one_or_none()


def load_states(run_ids: Collection[int]) -> dict[int, str]:
    """A text for each of these runs, by run id, that changes with the run's state and its newest event. Unknown ids are left out."""
    rows = session().execute(
        select(RunRow.run_id, RunRow.status, RunRow.last_progress_id).where(RunRow.run_id.in_(run_ids)))
    return {run_id: f"{status} {event_id}" for run_id, status, event_id in rows}


def list_durations(platform: Platform, *, runs: int) -> list[timedelta]:
    """The durations of the platform's last runs that ran to an end, newest first, at most `runs`."""
    return [
        completed - started for started, completed in session().execute(
            select(RunRow.started_at, RunRow.completed_at)
            .where(RunRow.platform == platform.value, RunRow.status.in_(list(RAN_TO_AN_END)), RunRow.started_at.is_not(None))
            .order_by(RunRow.started_at.desc(), RunRow.run_id.desc()).limit(runs))
        if started is not None and completed is not None]
