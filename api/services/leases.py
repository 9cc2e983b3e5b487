"""Leases of workers on runs: taken by compare-and-set, renewed, and fenced by a number that only grows."""
from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select, update

from api.domain.display_bounds import repository_of
from api.domain.random_source import RandomSource
from api.domain.runs.infrastructure import EventOrigin, origin_of_report
from api.domain.runs.run import Phase, RunStatus
from api.services.platform_sync import catch_up
from api.services.replacements import replace_run
from api.services.verdicts import derive_state
from api.storage.column_types import spelled, spelling
from api.storage.database import change, session, transact
from api.storage.platform_tables import ForkRow, InstanceRow, MaintenanceRow, TestRow
from api.storage.runs.progress import record_event
from api.storage.tables import ClaimRow, RunRow

TAKEN = "Taken by worker"
LOST = "[worker] The worker was lost: its lease passed without a word."


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


def claim_run(worker: str, platform: str, *, now: datetime, lease: timedelta) -> Claim | None:
    """Take the platform's oldest queued run, with a `preparation` event so that nobody else starts it.

    None where nothing is queued, or the platform is in maintenance.
    """
    catch_up(now)
    if in_maintenance(platform):
        return None
    return transact(lambda: _claim(worker, platform, now, lease))


def in_maintenance(platform: str) -> bool:
    """Whether no run of the platform may be started."""
    rows = session().execute(select(MaintenanceRow.platform, MaintenanceRow.disabled))
    return any(disabled for each, disabled in rows if each == platform)


def _claim(worker: str, platform: str, now: datetime, lease: timedelta) -> Claim | None:
    # The platform's own programs start a queued run by giving it a virtual machine first, its first event comes later.
    has_machine = exists().where(InstanceRow.test_id == RunRow.run_id)
    # A run of which the platform's row says otherwise, or that has no secret to report with, is nothing that a worker could finish.
    is_fit = exists().where(
        TestRow.id == RunRow.run_id, spelled(TestRow.platform) == spelling(platform), TestRow.token != "")
    oldest = (
        select(RunRow.run_id).where(
            RunRow.platform == platform, RunRow.status == RunStatus.QUEUED.value, ~has_machine, is_fit)
        .order_by(RunRow.run_id).limit(1).with_for_update())
    run_id = session().execute(oldest).scalar_one_or_none()
    if run_id is None:
        return None
    fence = _take(run_id, worker, now + lease)
    record_event(run_id, Phase.PREPARATION, f"{TAKEN} {worker}", at=now)
    derive_state(run_id)
    fork = func.coalesce(ForkRow.github, "")
    row = session().execute(
        select(TestRow, fork).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id).where(TestRow.id == run_id)).one()
    return Claim(
        run_id, fence, row[0].token, platform, repository_of(row[1]), row[0].commit, row[0].branch or None,
        row[0].pr_nr if row[0].pr_nr > 0 else None)


def _take(run_id: int, worker: str, deadline: datetime) -> int:
    held = session().get(ClaimRow, run_id, with_for_update=True)
    if held is None:
        held = ClaimRow(run_id=run_id, worker=worker, fence=0, deadline=deadline)
        session().add(held)
    held.worker, held.fence, held.deadline = worker, held.fence + 1, deadline
    session().flush()
    return held.fence


def renew_claim(run_id: int, fence: int, *, deadline: datetime) -> bool:
    """Prolong a lease; False when the run is over, or the claim passed to another."""
    return transact(lambda: _renew(run_id, fence, deadline))


def _renew(run_id: int, fence: int, deadline: datetime) -> bool:
    alive = select(RunRow.run_id).where(RunRow.run_id == run_id, RunRow.status == RunStatus.RUNNING.value)
    if session().execute(alive).first() is None:
        return False
    held = ClaimRow.run_id == run_id, ClaimRow.fence == fence
    return change(update(ClaimRow).where(*held).values(deadline=deadline)) > 0


def release_claim(run_id: int, fence: int, *, failure: str | None, now: datetime) -> None:
    """End a claim, and the run with it where a failure is told and the run is not over; nothing for a claim that was lost."""
    transact(lambda: _release(run_id, fence, failure, now))


def _release(run_id: int, fence: int, failure: str | None, now: datetime) -> bool:
    """Whether the claim was still this one, and its run ended with it."""
    held = ClaimRow.run_id == run_id, ClaimRow.fence == fence
    if not change(delete(ClaimRow).where(*held)) or failure is None:
        return False
    return _give_up(run_id, failure, origin_of_report(Phase.CANCELED, failure), now)


def lose_claim(run_id: int, fence: int, *, failure: str, now: datetime, chance: RandomSource) -> None:
    """`release_claim` with a failure that is not the run's: another run is queued in its place, unless it was over."""
    def lose() -> None:
        if _release(run_id, fence, failure, now):
            replace_run(run_id, now=now, chance=chance)

    transact(lose)


def give_up_abandoned(now: datetime, chance: RandomSource) -> int:
    """End the runs whose worker let its lease pass, visibly: canceled, with the reason, and replaced. Returns how many."""
    lost = list(session().execute(select(ClaimRow.run_id, ClaimRow.fence).where(ClaimRow.deadline < now)))
    # One that cannot be given up keeps no other from it; what it raises is raised once all were tried.
    with ExitStack() as all_of_them:
        for run_id, fence in lost:
            all_of_them.callback(lose_claim, run_id, fence, failure=LOST, now=now, chance=chance)
    return len(lost)


def _give_up(run_id: int, failure: str, origin: EventOrigin | None, now: datetime) -> bool:
    status = session().execute(select(RunRow.status).where(RunRow.run_id == run_id).with_for_update()).scalar_one()
    # Over, or restarted by the platform's own programs, which are not to lose it to a worker of before.
    if status != RunStatus.RUNNING.value:
        return False
    record_event(run_id, Phase.CANCELED, failure, at=now, origin=origin)
    derive_state(run_id)
    return True
