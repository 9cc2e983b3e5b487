"""The outbox of webhooks."""
from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from api.domain.jobs.job import Job, JobOutcome, JobReason, JobStatus
from api.storage.database import transact
from api.storage.jobs.jobs import cancel_job, claim_job, finish_job, submit_job
from api.storage.jobs.webhooks import DueWebhook, count_webhooks, delete_webhook, postpone_webhook, take_due_webhooks
from tests.builders import add_user, minutes
from tests.databases import Database

LEASE = timedelta(minutes=1)
URL = "https://hooks.example/told"


def submit(job_id: str, *, web_hook: str | None = URL) -> None:
    """A job that waits in the queue."""
    owner_id = add_user(f"owner of {job_id}")
    transact(lambda: submit_job(Job(job_id, owner_id, JobStatus.QUEUED, minutes(-10), web_hook=web_hook)))


def end(job_id: str, *, at: float = 0, web_hook: str | None = URL) -> None:
    """A job that is over, with its hook."""
    submit(job_id, web_hook=web_hook)
    transact(lambda: cancel_job(job_id, minutes(at)))


def taken(at: float = 0, limit: int = 10) -> tuple[DueWebhook, ...]:
    return transact(lambda: take_due_webhooks(minutes(at), LEASE, limit))


def test_the_hook_of_a_job_is_due_when_the_job_is_over(database: Database) -> None:
    submit("j1")
    job = transact(lambda: claim_job("agent", now=minutes(0), lease_until=minutes(5), per_owner=1))
    assert job is not None
    before = taken()

    transact(lambda: finish_job("j1", job.fence, JobOutcome(JobStatus.COMPLETED, True, JobReason.EXIT_CODE, 0), minutes(1)))

    assert (before, taken(at=1)) == ((), (DueWebhook("j1", 1),))


def test_a_job_without_a_hook_leaves_none(database: Database) -> None:
    end("j1", web_hook=None)

    assert taken() == ()


def test_a_hook_is_taken_once_the_longest_waiting_first(database: Database) -> None:
    end("j2", at=-2)
    end("j1", at=-1)
    end("j3", at=-1)

    assert [hook.job_id for hook in taken(limit=2)] == ["j2", "j1"]
    assert [hook.job_id for hook in taken()] == ["j3"]
    assert taken() == ()


def test_senders_that_look_at_the_same_time_take_different_hooks(database: Database) -> None:
    for number in range(6):
        end(f"j{number}")

    shares = database.together(*([partial(taken, limit=6)] * 4))

    assert sorted(hook.job_id for share in shares for hook in share) == [f"j{number}" for number in range(6)]


@pytest.mark.mariadb
def test_a_hook_that_another_took_since_it_was_looked_for_is_left_to_them(mariadb_database: Database) -> None:
    end("j1")
    others: list[DueWebhook] = []

    with mariadb_database.overtaken(lambda: others.extend(taken()), before="UPDATE ci_job_webhook"):
        mine = taken()

    assert (mine, others) == ((), [DueWebhook("j1", 1)])


def test_a_hook_whose_sender_died_is_taken_again_after_the_lease(database: Database) -> None:
    end("j1")
    taken()

    assert taken(at=0.9) == ()
    assert taken(at=1) == (DueWebhook("j1", 2),)


def test_a_hook_that_is_postponed_is_due_then(database: Database) -> None:
    end("j1")
    hook, = taken()

    transact(partial(postpone_webhook, hook, minutes(7)))

    assert taken(at=6) == ()
    assert taken(at=7) == (DueWebhook("j1", 2),)


def test_a_sender_that_was_overtaken_postpones_nothing(database: Database) -> None:
    end("j1")
    slow, = taken()
    quick, = taken(at=1)

    transact(partial(postpone_webhook, slow, minutes(60)))

    assert taken(at=2) == (DueWebhook("j1", quick.attempts + 1),)


def test_what_is_delivered_by_whom_ever_is_forgotten(database: Database) -> None:
    end("j1")
    slow, = taken()
    taken(at=1)

    transact(partial(delete_webhook, slow))

    assert count_webhooks() == 0
