"""The outbox of webhooks: written with the end of a job, emptied by the webhook sender."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from api.storage.database import change, session
from api.storage.jobs.tables import WebhookRow


@dataclass(frozen=True, slots=True)
class DueWebhook:
    """The hook of a job, taken to be sent; `attempts` counts this one."""

    job_id: str
    attempts: int


def take_due_webhooks(now: datetime, lease: timedelta, limit: int) -> tuple[DueWebhook, ...]:
    """Within a transaction: hooks that are due, the longest waiting first; nobody else gets them until the lease ends.

    The attempt counts from here on, so that a hook which brings its sender down is given up like any other.
    """
    due = session().execute(
        select(WebhookRow.job_id, WebhookRow.attempts, WebhookRow.due_at).where(WebhookRow.due_at <= now)
        .order_by(WebhookRow.due_at, WebhookRow.job_id).limit(limit)).all()
    taken = []
    for job_id, attempts, due_at in due:
        unchanged = (WebhookRow.job_id == job_id, WebhookRow.attempts == attempts, WebhookRow.due_at == due_at)
        if change(update(WebhookRow).where(*unchanged).values(attempts=attempts + 1, due_at=now + lease)):
            taken.append(DueWebhook(job_id, attempts + 1))
    return tuple(taken)


def postpone_webhook(hook: DueWebhook, due_at: datetime) -> None:
    """Within a transaction: a hook could not be delivered; it is due again later, unless another has taken it meanwhile."""
    change(update(WebhookRow).where(WebhookRow.job_id == hook.job_id, WebhookRow.attempts == hook.attempts).values(due_at=due_at))


def delete_webhook(hook: DueWebhook) -> None:
    """Within a transaction: a hook is delivered, or given up."""
    change(delete(WebhookRow).where(WebhookRow.job_id == hook.job_id))


def count_webhooks() -> int:
    """How many hooks wait to be delivered."""
    return session().execute(select(func.count()).select_from(WebhookRow)).scalar_one()
