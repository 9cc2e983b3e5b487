"""The rows of leases: which machine has a shard of a run and until when. A run's fences only grow, and tell its claims apart."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, insert, or_, select, update

from api.domain.display_bounds import repository_of
from api.domain.errors import NotFound
from api.domain.runs.machine import RunClaim
from api.domain.runs.run import Platform, RunStatus
from api.storage.column_types import spelled, spelling
from api.storage.database import change, session
from api.storage.platform_tables import ForkRow, InstanceRow, MaintenanceRow, TestRow
from api.storage.runs import queue
from api.storage.tables.runs import RunRow, ShardRow


@dataclass(frozen=True, slots=True)
class Holder:
    """Who claims: a machine, and which of its processes."""

    machine: str
    session: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard of a run in a machine's hands, counted from 0."""

    run_id: int
    fence: int
    shard: int
    shards: int
    platform: str
    repository: str
    commit: str
    branch: str | None
    pull_request: int | None

    @property
    def reference(self) -> RunClaim:
        """What tells this claim from others."""
        return RunClaim(self.run_id, self.fence)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that a machine has, counted from 0, how many its run has, and how many bytes of its log have come."""

    number: int
    count: int
    log_bytes: int


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
    return next((run_id for run_id in queue.list_waiting(platform, main_repository) if _lock_queued(run_id, platform)), None)


def _lock_queued(run_id: int, platform: Platform) -> bool:
    """Lock the run, unless somebody else started it or no worker could finish it."""
    # The platform's own programs start a queued run by giving it a virtual machine first, its first event comes later.
    has_machine = exists().where(InstanceRow.test_id == RunRow.run_id)
    # A run of which the platform's row says otherwise is nothing that a worker could finish.
    is_fit = exists().where(TestRow.id == RunRow.run_id, spelled(TestRow.platform) == spelling(platform.value))
    free = select(RunRow.run_id).where(
        RunRow.run_id == run_id, RunRow.status == RunStatus.QUEUED.value, ~has_machine, is_fit).with_for_update()
    return session().execute(free).first() is not None


def lay_out_shards(run_id: int, begun_by: int) -> None:
    """Within a transaction that has locked the run, which began with this event: have its shards wait for machines."""
    newest, count = session().execute(
        select(func.coalesce(RunRow.newest_fence, 0), func.coalesce(RunRow.shards, 1)).where(RunRow.run_id == run_id)).one()
    change(update(RunRow).where(RunRow.run_id == run_id).values(newest_fence=newest + count))
    change(delete(ShardRow).where(ShardRow.run_id == run_id))
    session().execute(insert(ShardRow), [
        {"run_id": run_id, "shard": shard, "fence": newest + 1 + shard, "begun_by": begun_by} for shard in range(count)])


def waiting_since(platform: Platform, main_repository: str) -> datetime | None:
    """Since when the run waits of which a machine of the platform would be given a shard next; None where there is none."""
    begun = select(func.min(RunRow.created_at)).join(ShardRow, ShardRow.run_id == RunRow.run_id).where(*_is_begun(platform))
    return session().execute(begun).scalar_one() or queue.waiting_since(platform, main_repository)


def _is_begun(platform: Platform) -> tuple[ColumnElement[bool], ...]:
    """Of a shard and its run: that the shard waits, although the run has begun."""
    return ShardRow.worker.is_(None), RunRow.status == RunStatus.RUNNING.value, RunRow.platform == platform.value


def lock_begun(platform: Platform) -> int | None:
    """Within a transaction: lock the platform's oldest run that is being executed and has a shard that waits. None if there is none."""
    begun = (
        select(ShardRow.run_id).join(RunRow, RunRow.run_id == ShardRow.run_id)
        .where(*_is_begun(platform)).distinct().order_by(ShardRow.run_id))
    return next((run_id for run_id in session().execute(begun).scalars().all() if lock_running(run_id) and _waits(run_id)), None)


def _waits(run_id: int) -> bool:
    waiting = select(ShardRow.shard).where(ShardRow.run_id == run_id, ShardRow.worker.is_(None)).with_for_update()
    return session().execute(waiting).first() is not None


def take(run_id: int, holder: Holder, deadline: datetime) -> RunClaim:
    """Within a transaction that has locked the run: give its first shard that waits to a machine's process until the deadline."""
    waiting = select(ShardRow).where(ShardRow.run_id == run_id, ShardRow.worker.is_(None)).order_by(ShardRow.shard).limit(1)
    taken = session().execute(waiting.with_for_update()).scalar_one()
    taken.worker, taken.session, taken.deadline = holder.machine, holder.session, deadline
    session().flush()
    return RunClaim(run_id, taken.fence)


def load_claim(claim: RunClaim) -> Claim:
    """Load the claim on a shard, with all that the machine needs to execute it."""
    row = session().execute(
        select(TestRow, func.coalesce(ForkRow.github, ""), ShardRow.shard, func.coalesce(RunRow.shards, 1))
        .join(RunRow, RunRow.run_id == TestRow.id).outerjoin(ForkRow, ForkRow.id == TestRow.fork_id)
        .join(ShardRow, ShardRow.run_id == TestRow.id).where(TestRow.id == claim.run_id, ShardRow.fence == claim.fence)).one()
    return Claim(
        claim.run_id, claim.fence, row[2], row[3], str(row[0].platform), repository=repository_of(row[1]),
        commit=row[0].commit, branch=row[0].branch or None, pull_request=row[0].pr_nr if row[0].pr_nr > 0 else None)


def load_held_claim(claim: RunClaim, machine: str) -> Claim:
    """`load_claim`, of a claim that the machine has. Raises NotFound."""
    require_held(claim, machine)
    return load_claim(claim)


def require_held(claim: RunClaim, machine: str) -> None:
    """Raise NotFound where a machine does not have the claim."""
    if session().execute(select(ShardRow.run_id).where(*_of(claim, machine))).first() is None:
        raise NotFound("claim", str(claim), remedy="The claim is another machine's by now; leave its run.")


def load_shard(claim: RunClaim) -> Shard:
    """The shard that a claim is on."""
    row = session().execute(
        select(ShardRow.shard, func.coalesce(RunRow.shards, 1), ShardRow.log_bytes).join(RunRow, RunRow.run_id == ShardRow.run_id)
        .where(ShardRow.run_id == claim.run_id, ShardRow.fence == claim.fence)).one()
    return Shard(*row)


def record_log_bytes(claim: RunClaim, size: int) -> None:
    """Within a transaction that has locked the run: write down how many bytes of its log a machine has sent."""
    change(update(ShardRow).where(ShardRow.run_id == claim.run_id, ShardRow.fence == claim.fence).values(log_bytes=size))


def is_due_to_join(run_id: int, now: datetime, every: timedelta) -> bool:
    """Within a transaction that has locked the run: whether the logs of its shards were not joined for so long; they are joined now."""
    was = or_(RunRow.log_joined_at.is_(None), RunRow.log_joined_at <= now - every, RunRow.log_joined_at > now)
    return bool(change(update(RunRow).where(RunRow.run_id == run_id, was).values(log_joined_at=now)))


def count_shards(run_id: int) -> int:
    """How many shards a run has; whatever became of them."""
    return session().execute(select(func.coalesce(RunRow.shards, 1)).where(RunRow.run_id == run_id)).scalar_one()


def list_held(machine: str) -> list[tuple[RunClaim, str | None]]:
    """The claims that a machine has on runs that are being executed, each with the session that claimed it."""
    columns = ShardRow.run_id, ShardRow.fence, ShardRow.session
    rows = session().execute(
        select(*columns).join(RunRow, RunRow.run_id == ShardRow.run_id)
        .where(ShardRow.worker == machine, RunRow.status == RunStatus.RUNNING.value).order_by(ShardRow.run_id, ShardRow.shard))
    return [(RunClaim(run_id, fence), holding) for run_id, fence, holding in rows]


def count_held() -> int:
    """How many claims machines have on runs."""
    return session().execute(select(func.count()).where(ShardRow.worker.is_not(None))).scalar_one()


def list_executed_by(machines: Collection[str]) -> dict[str, list[int]]:
    """The runs that each of these machines executes; those that execute none are left out."""
    rows = session().execute(
        select(ShardRow.worker, ShardRow.run_id).distinct().join(RunRow, RunRow.run_id == ShardRow.run_id)
        .where(ShardRow.worker.in_(machines), RunRow.status == RunStatus.RUNNING.value).order_by(ShardRow.run_id))
    found: dict[str, list[int]] = {}
    for machine, run_id in rows:
        if machine is not None:
            found.setdefault(machine, []).append(run_id)
    return found


def prolong(claims: Collection[RunClaim], machine: str, deadline: datetime) -> set[RunClaim]:
    """Within a transaction: move the ends of leases. Returns the claims that the machine has on runs that are being executed."""
    rows = session().execute(
        select(ShardRow.run_id, ShardRow.fence).join(RunRow, RunRow.run_id == ShardRow.run_id).where(
            ShardRow.run_id.in_({each.run_id for each in claims}), ShardRow.worker == machine, RunRow.status == RunStatus.RUNNING.value))
    held = {RunClaim(*row) for row in rows}.intersection(claims)
    return {each for each in held if change(update(ShardRow).where(*_of(each, machine)).values(deadline=deadline))}


def remove(claim: RunClaim, machine: str) -> bool:
    """Within a transaction: end the claim, and the shard with it. Returns False if the shard has another claim, or none, by now."""
    return bool(change(delete(ShardRow).where(*_of(claim, machine))))


def has_shards_left(run_id: int) -> bool:
    """Within a transaction that has locked the run: whether a shard of it waits for a machine, or is in one's hands."""
    return session().execute(select(ShardRow.shard).where(ShardRow.run_id == run_id).with_for_update()).first() is not None


def drop_waiting_shards(run_id: int) -> None:
    """Within a transaction that has locked a run that is over: forget the shards of it that no machine has."""
    session().execute(delete(ShardRow).where(ShardRow.run_id == run_id, ShardRow.worker.is_(None)))


def list_expired(now: datetime) -> list[tuple[RunClaim, str]]:
    """Each claim whose lease has passed, with its machine."""
    rows = session().execute(select(ShardRow.run_id, ShardRow.fence, ShardRow.worker).where(ShardRow.deadline < now))
    return [(RunClaim(run_id, fence), machine) for run_id, fence, machine in rows if machine is not None]


def _of(claim: RunClaim, machine: str) -> tuple[ColumnElement[bool], ...]:
    return ShardRow.run_id == claim.run_id, ShardRow.fence == claim.fence, ShardRow.worker == machine


def lock_running(run_id: int) -> bool:
    """Within a transaction: lock the run's row. Returns whether the run is being executed."""
    status = session().execute(select(RunRow.status).where(RunRow.run_id == run_id).with_for_update()).scalar_one_or_none()
    return status == RunStatus.RUNNING.value
