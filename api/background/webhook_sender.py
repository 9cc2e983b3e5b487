"""The webhook sender: delivers webhooks of finished jobs, and retries until each is delivered or given up."""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from api.domain.errors import NotFound, Refusal
from api.domain.jobs.job import Job
from api.domain.jobs.webhook import next_attempt
from api.domain.random_source import RandomSource
from api.integrations.webhook_post import Delivery, NotDelivered, WebhookPost
from api.rendering import jobs as render_jobs
from api.specfirst.responses.json_responses import encode
from api.storage.database import session, transact
from api.storage.jobs.jobs import load_job
from api.storage.jobs.webhooks import DueWebhook, delete_webhook, postpone_webhook, take_due_webhooks
from api.supervision.loop import Task

log = logging.getLogger(__name__)

EVENT = "job.completed"
BATCH_SIZE = 8
# Longer than a batch of deliveries takes; after this time others retry the webhooks of a dead process.
LEASE = timedelta(minutes=1)


class WebhookSender:
    """Delivers due webhooks, a few at a time. Several processes may do so at the same time."""

    def __init__(self, app: Flask, post: WebhookPost, *, clock: Callable[[], datetime], random_source: RandomSource) -> None:
        self._app, self._post, self._clock, self._random_source = app, post, clock, random_source

    def task(self, *, every: float = 2) -> Task:
        """A periodic task that delivers due webhooks."""
        return Task("web_hooks", self.send_due, every)

    def send_due(self) -> int | None:
        """Deliver a batch of due webhooks; how many succeeded, None where none was due."""
        with self._app.app_context():
            taken = transact(partial(take_due_webhooks, self._clock(), LEASE, BATCH_SIZE))
            return sum(asyncio.run(self._deliver_all(taken))) if taken else None

    async def _deliver_all(self, hooks: Sequence[DueWebhook]) -> list[bool]:
        # A slow receiver delays no other webhook.
        return await asyncio.gather(*(self._deliver(hook) for hook in hooks))

    async def _deliver(self, hook: DueWebhook) -> bool:
        try:
            job = self._job_of(hook)
            await self._post.send(str(job.web_hook), self._delivery(job))
        except NotFound:
            # The job was removed meanwhile, and its hook with it.
            return False
        except Refusal:
            log.warning("the webhook of job %s is given up: its host may not be told any more", hook.job_id)
            transact(partial(delete_webhook, hook))
            return False
        except NotDelivered as failed:
            self._postpone(hook, str(failed))
            return False
        except SQLAlchemyError:
            raise
        # A bug fails one webhook, never the others or the sender.
        except Exception as fault:
            log.exception("the webhook of job %s could not be sent", hook.job_id)
            self._postpone(hook, type(fault).__name__)
            return False
        transact(partial(delete_webhook, hook))
        return True

    def _job_of(self, hook: DueWebhook) -> Job:
        job = load_job(hook.job_id)
        # End the read transaction before the request.
        session().rollback()
        return job

    def _delivery(self, job: Job) -> Delivery:
        now = self._clock()
        content = {"event": EVENT, "job": render_jobs.job(job), "delivered_at": now}
        return Delivery(EVENT, job.job_id, int(now.timestamp()), encode(content))

    def _postpone(self, hook: DueWebhook, why: str) -> None:
        due_at = next_attempt(hook.attempts, self._clock(), self._random_source)
        if due_at is None:
            log.warning("the webhook of job %s is given up after %d attempts: %s", hook.job_id, hook.attempts, why)
            transact(partial(delete_webhook, hook))
        else:
            log.info("the webhook of job %s was not delivered, attempt %d: %s", hook.job_id, hook.attempts, why)
            transact(partial(postpone_webhook, hook, due_at))
