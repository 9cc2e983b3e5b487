"""The outbox of web hooks: written with the end of a job, emptied by whoever takes a hook first, until each is delivered or given up."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from api.storage.database import change, session
from api.storage.jobs.tables import HookRow


@dataclass(frozen=True, slots=True)
class DueHook:
    """The hook of a job, taken to be sent; `attempts` counts this one."""

    job_id: str
    attempts: int


def take_due_hooks(now: datetime, lease: timedelta, limit: int) -> tuple[DueHook, ...]:
    """Within a transaction: hooks that are due, the longest waiting first; nobody else gets them until the lease ends.

    The attempt counts from here on, so that a hook which brings its sender down is given up like any other.
    """
    due = session().execute(
        select(HookRow.job_id, HookRow.attempts, HookRow.due_at).where(HookRow.due_at <= now)
        .order_by(HookRow.due_at, HookRow.job_id).limit(limit)).all()
    taken = []
    for job_id, attempts, due_at in due:
        unchanged = (HookRow.job_id == job_id, HookRow.attempts == attempts, HookRow.due_at == due_at)
        if change(update(HookRow).where(*unchanged).values(attempts=attempts + 1, due_at=now + lease)):
            taken.append(DueHook(job_id, attempts + 1))
    return tuple(taken)


def postpone_hook(hook: DueHook, due_at: datetime) -> None:
    """Within a transaction: a hook could not be delivered; it is due again later, unless another has taken it meanwhile."""
    change(update(HookRow).where(HookRow.job_id == hook.job_id, HookRow.attempts == hook.attempts).values(due_at=due_at))


def forget_hook(hook: DueHook) -> None:
    """Within a transaction: a hook is delivered, or given up."""
    change(delete(HookRow).where(HookRow.job_id == hook.job_id))


def count_hooks() -> int:
    """How many hooks wait to be delivered."""
    return session().execute(select(func.count()).select_from(HookRow)).scalar_one()
