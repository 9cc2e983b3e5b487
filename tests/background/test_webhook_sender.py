"""The sender of webhooks: every receiver is told of its job's end, once if nothing goes wrong, and again until it answers."""
from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from api.background.webhook_sender import LEASE
from api.domain.jobs.webhook import MAX_ATTEMPTS, signature
from api.integrations.webhook_post import Delivery
from api.storage.database import change, transact
from api.storage.jobs.tables import JobRow
from api.supervision.loop import Background
from tests.background.webhooks import SECRET, Post, end_job, make_sender, send_all, waiting
from tests.builders import NOW
from tests.clocks import Clock
from tests.databases import Database
from tests.e2e.processes import eventually
from tests.receiver import Receiver, receiving

ROOT = Path(__file__).parents[2]

# Sends what is due, and is killed when the receiver has answered, before that is written down.
DIES_AFTERWARDS = """
import os, signal, ssl, sys
from tests.databases import opened
from tests.background.webhooks import Post, make_sender, send_all

class Dying(Post):
    async def send(self, url, delivery):
        await super().send(url, delivery)
        os.kill(os.getpid(), signal.SIGKILL)

with opened(sys.argv[1], migrated=False) as database:
    send_all(make_sender(database, Dying))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers well unless told otherwise."""
    with receiving() as receiver:
        yield receiver


def test_a_receiver_is_told_of_the_job_as_the_api_shows_it(sqlite_database: Database, receiver: Receiver) -> None:
    end_job("j1", receiver.url)

    assert send_all(make_sender(sqlite_database)) == 1

    got, = receiver.received
    assert json.loads(got.body) == {
        "event": "job.completed", "delivered_at": "2026-11-21T12:00:00Z", "job": {
            "job_id": "j1", "status": "cancelled", "success": False, "start_time": None, "end_time": "2026-11-21T12:00:00Z",
            "reason": "cancelled", "exit_code": None, "attempt": 0, "priority": 0, "created_at": "2026-11-21T11:59:00Z",
            "queue_position": None, "repeat_reason": None, "rerun_of": None, "tests": None, "failed_tests": None, "project": None,
            "commit": None, "branch": None, "label": None}}
    assert got.headers["x-ci-signature-256"] == signature(SECRET, int(NOW.timestamp()), got.body)
    assert waiting() == 0


def test_a_receiver_that_failed_is_told_again_later_and_sees_that_it_is_the_same(sqlite_database: Database, receiver: Receiver) -> None:
    receiver.answers = [500]
    clock = Clock()
    sender = make_sender(sqlite_database, clock=clock)
    end_job("j1", receiver.url)

    told = [send_all(sender)]
    clock.now += timedelta(seconds=9)
    told.append(send_all(sender))
    clock.now += timedelta(seconds=1)
    told.append(send_all(sender))

    assert told == [0, 0, 1]
    assert [got.headers["x-ci-delivery"] for got in receiver.received] == ["j1", "j1"]
    assert waiting() == 0


def test_a_receiver_that_is_away_is_told_when_it_is_back(sqlite_database: Database) -> None:
    with receiving() as gone:
        port = gone.port
    clock = Clock()
    sender = make_sender(sqlite_database, clock=clock)
    end_job("j1", f"http://127.0.0.1:{port}/")

    assert (send_all(sender), waiting()) == (0, 1)

    with receiving() as back:
        transact(lambda: change(JobRow.__table__.update().values(web_hook=back.url)))
        clock.now += timedelta(minutes=1)
        assert (send_all(sender), waiting()) == (1, 0)


def test_a_receiver_that_never_answers_well_is_given_up_with_a_word_in_the_log(
    sqlite_database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    receiver.answers = [500] * (MAX_ATTEMPTS + 5)
    clock = Clock()
    sender = make_sender(sqlite_database, clock=clock)
    end_job("j1", receiver.url)

    for _ in range(MAX_ATTEMPTS + 3):
        send_all(sender)
        clock.now += timedelta(hours=2)

    assert (len(receiver.received), waiting()) == (MAX_ATTEMPTS, 0)
    assert f"the webhook of job j1 is given up after {MAX_ATTEMPTS} attempts: the receiver answered 500" in caplog.text


def test_neither_the_address_nor_the_secret_stands_in_the_log(
    sqlite_database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "api")
    receiver.answers = [500]
    end_job("j1", f"{receiver.url}&key=hidden-in-the-address")

    send_all(make_sender(sqlite_database))

    assert "job j1" in caplog.text
    assert SECRET not in caplog.text and "hidden-in-the-address" not in caplog.text


def test_a_hook_of_a_host_that_was_taken_from_the_list_is_given_up(sqlite_database: Database, receiver: Receiver) -> None:
    end_job("j1", f"http://localhost:{receiver.port}/")

    assert send_all(make_sender(sqlite_database)) == 0
    assert (receiver.received, waiting()) == ([], 0)


class Faulty(Post):
    """Has a fault that one delivery brings out."""

    async def send(self, url: str, delivery: Delivery) -> None:
        """Fail for one job."""
        if delivery.delivery_id == "j1":
            raise RuntimeError("a fault")
        await super().send(url, delivery)


def test_a_hook_that_brings_out_a_fault_holds_up_nobody_elses(
    sqlite_database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture,
) -> None:
    end_job("j1", receiver.url)
    end_job("j2", receiver.url)

    assert send_all(make_sender(sqlite_database, Faulty)) == 1
    assert [got.headers["x-ci-delivery"] for got in receiver.received] == ["j2"]
    assert (waiting(), "the webhook of job j1 could not be sent" in caplog.text) == (1, True)


def test_several_senders_side_by_side_tell_each_receiver_once(database: Database, receiver: Receiver) -> None:
    jobs = [f"j{number:02}" for number in range(20)]
    for job_id in jobs:
        end_job(job_id, receiver.url)

    delivered = database.together(*([lambda: send_all(make_sender(database))] * 3))

    assert sum(delivered) == len(jobs)
    assert sorted(got.headers["x-ci-delivery"] for got in receiver.received) == jobs
    assert waiting() == 0


def test_a_slow_receiver_does_not_hold_up_the_others(sqlite_database: Database, receiver: Receiver) -> None:
    with receiving(silent=True) as slow:
        end_job("j1", slow.url)
        end_job("j2", receiver.url)

        with ThreadPoolExecutor(1) as thread:
            sending = thread.submit(send_all, make_sender(sqlite_database))
            eventually(lambda: bool(slow.received and receiver.received), "the delivery beside the slow one")
            slow.over.set()

    assert sending.result() == 1
    assert [got.headers["x-ci-delivery"] for got in receiver.received] == ["j2"]


def test_a_sender_that_is_killed_before_it_could_write_down_the_delivery_repeats_it_with_the_same_id(
    sqlite_database: Database, receiver: Receiver,
) -> None:
    end_job("j1", receiver.url)
    killed = subprocess.run([sys.executable, "-c", DIES_AFTERWARDS, sqlite_database.url], cwd=ROOT, timeout=120, check=False)
    before = len(receiver.received)

    at_once = send_all(make_sender(sqlite_database))
    after_the_lease = send_all(make_sender(sqlite_database, clock=Clock(NOW + LEASE)))

    assert (killed.returncode, before, at_once, after_the_lease) == (-signal.SIGKILL, 1, 0, 1)
    assert [got.headers["x-ci-delivery"] for got in receiver.received] == ["j1", "j1"]
    assert waiting() == 0


def test_the_sender_goes_on_after_a_database_that_was_away(sqlite_database: Database, receiver: Receiver) -> None:
    end_job("j1", receiver.url)
    background = Background()
    background.add([make_sender(sqlite_database).task(every=2)])
    loop, = background._loops
    sqlite_database.engine.dispose()
    with sqlite_database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE ci_job_webhook RENAME TO away"))
    pauses = [loop.run_once(), loop.run_once()]
    with sqlite_database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO ci_job_webhook"))
    pauses += [loop.run_once(), loop.run_once()]

    assert (pauses, waiting(), len(receiver.received)) == ([2, 4, 0, 2], 0, 1)
