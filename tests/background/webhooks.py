"""Webhooks of tests: jobs that are over, whose receivers are on this machine, and senders that tell them."""
from __future__ import annotations

import ssl
from datetime import timedelta

from api.background.webhook_sender import WebhookSender
from api.domain.jobs.job import Job, JobStatus
from api.domain.random_source import RandomSource
from api.integrations.webhook_post import WebhookPost
from api.storage.database import session, transact
from api.storage.jobs.jobs import cancel_job, submit_job
from api.storage.jobs.webhooks import count_webhooks
from tests.builders import NOW, add_user
from tests.clocks import Clock
from tests.databases import Database

SECRET = "a secret of the tests"
HALF = RandomSource(lambda length: b"\x7f" + b"\xff" * (length - 1))


class Post(WebhookPost):
    """Deliveries to this machine, by names that lead to it."""

    def __init__(self, hosts: tuple[str, ...] = ("127.0.0.1",)) -> None:
        # So long that no machine is too slow for what these tests do.
        super().__init__(hosts, True, SECRET, tls=ssl.create_default_context(), seconds=300)


def make_sender(database: Database, kind: type[Post] = Post, clock: Clock | None = None) -> WebhookSender:
    return WebhookSender(database.app, kind(), clock=clock or Clock(), random_source=HALF)


def send_all(sender: WebhookSender) -> int:
    """Send everything that is due now; how many were delivered."""
    return sum(iter(sender.send_due, None))


def end_job(job_id: str, url: str) -> None:
    """A job that is over, whose receiver is to be told."""
    owner_id = add_user(f"owner of {job_id}")
    transact(lambda: submit_job(Job(job_id, owner_id, JobStatus.QUEUED, NOW - timedelta(minutes=1), web_hook=url)))
    transact(lambda: cancel_job(job_id, NOW))


def waiting() -> int:
    """How many hooks wait now."""
    session().rollback()
    return count_webhooks()
