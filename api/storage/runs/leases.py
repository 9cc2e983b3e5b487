"""The rows of leases: which worker has a run and until when. The fence is the number of a run's claims, and only grows."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, select, update

from api.domain.display_bounds import repository_of
from api.domain.runs.run import Platform, RunStatus
from api.storage.column_types import spelled, spelling
from api.storage.database import change, session
from api.storage.platform_tables import ForkRow, InstanceRow, MaintenanceRow, TestRow
from api.storage.runs.queue import list_waiting
from api.storage.tables import ClaimRow, RunRow


@dataclass(frozen=True, slots=True)
class Claim:
    """A run in a worker's hands. `token` is the run's secret for reports."""

    run_id: int
    fence: int
    token: str
    platform: str
    repository: str
    commit: str
    branch: str | None
    pull_request: int | None


def in_maintenance(platform: str) -> bool:
    """Whether no run of the platform may be started."""
    rows = session().execute(select(MaintenanceRow.platform, MaintenanceRow.disabled))
    return any(disabled for each, disabled in rows if each == platform)


def record_maintenance(platform: Platform, disabled: bool) -> None:
    """Within a transaction: have no run of the platform started from now on, or have them started again."""
    rows = [row for row in session().execute(select(MaintenanceRow).with_for_update()).scalars() if row.platform is platform]
    if not rows:
        session().add(MaintenanceRow(platform=platform, disabled=disabled))
    for row in rows:
        row.disabled = disabled
    session().flush()


def lock_next_queued(platform: Platform, main_repository: str) -> int | None:
    """Within a transaction: lock the platform's next run that a worker may start. Returns its id, or None if there is none."""
    return next((run_id for run_id in list_waiting(platform, main_repository) if _lock_queued(run_id, platform)), None)


def _lock_queued(run_id: int, platform: Platform) -> bool:
    """Lock the run, unless somebody else started it or no worker could finish it."""
    # The platform's own programs start a queued run by giving it a virtual machine first, its first event comes later.
    has_machine = exists().where(InstanceRow.test_id == RunRow.run_id)
    # A run of which the platform's row says otherwise, or that has no secret to report with, is nothing that a worker could finish.
    is_fit = exists().where(
        TestRow.id == RunRow.run_id, spelled(TestRow.platform) == spelling(platform.value), TestRow.token != "")
    free = select(RunRow.run_id).where(
        RunRow.run_id == run_id, RunRow.status == RunStatus.QUEUED.value, ~has_machine, is_fit).with_for_update()
    return session().execute(free).first() is not None


def take(run_id: int, worker: str, deadline: datetime) -> int:
    """Within a transaction: give the run to the worker until the deadline. Returns the fence."""
    held = session().get(ClaimRow, run_id, with_for_update=True)
    if held is None:
        held = ClaimRow(run_id=run_id, worker=worker, fence=0, deadline=deadline)
        session().add(held)
    held.worker, held.fence, held.deadline = worker, held.fence + 1, deadline
    session().flush()
    return held.fence


def load_claim(run_id: int, fence: int, platform: str) -> Claim:
    """Load the claim on a run, with all that the worker needs to execute it."""
    fork = func.coalesce(ForkRow.github, "")
    row = session().execute(
        select(TestRow, fork).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id).where(TestRow.id == run_id)).one()
    return Claim(
        run_id, fence, row[0].token, platform, repository=repository_of(row[1]), commit=row[0].commit,
        branch=row[0].branch or None, pull_request=row[0].pr_nr if row[0].pr_nr > 0 else None)


def prolong(run_id: int, fence: int, deadline: datetime) -> bool:
    """Within a transaction: move the end of a lease. Returns False if the run is not being executed or has another claim by now."""
    alive = select(RunRow.run_id).where(RunRow.run_id == run_id, RunRow.status == RunStatus.RUNNING.value)
    if session().execute(alive).first() is None:
        return False
    held = ClaimRow.run_id == run_id, ClaimRow.fence == fence
    return change(update(ClaimRow).where(*held).values(deadline=deadline)) > 0


def remove(run_id: int, fence: int) -> bool:
    """Within a transaction: delete the claim. Returns False if the run has another claim, or none, by now."""
    return bool(change(delete(ClaimRow).where(ClaimRow.run_id == run_id, ClaimRow.fence == fence)))


def list_expired(now: datetime) -> list[tuple[int, int]]:
    """The run and fence of each claim whose lease has passed."""
    return [(run_id, fence) for run_id, fence in session().execute(
        select(ClaimRow.run_id, ClaimRow.fence).where(ClaimRow.deadline < now))]


def lock_running(run_id: int) -> bool:
    """Within a transaction: lock the run's row. Returns whether the run is being executed."""
    status = session().execute(select(RunRow.status).where(RunRow.run_id == run_id).with_for_update()).scalar_one()
    return status == RunStatus.RUNNING.value
