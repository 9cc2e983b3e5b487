"""Work is handed over to machines that are there to take it, and to no other."""
from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.domain.auth.token import token_digest
from api.domain.jobs.job import JobStatus
from api.domain.runs.machine import IsThere, Machine, WorkKind, machine_token
from api.domain.runs.run import Platform
from api.handlers.worker import machines
from api.jobs.wakeup.wakeup import local_wakeup
from api.services.jobs.claims import claim_job
from api.services.runs.leases import claim_run
from api.specfirst import request_context
from api.storage.database import database_now, session, transact
from api.storage.jobs.jobs import load_job
from api.storage.runs.leases import Holder
from api.storage.runs.machines import add_machine, remove_machine
from api.storage.runs.progress import list_events
from api.streaming.work_queue import Waiting, Work, WorkQueue
from tests.builders import MAIN_REPOSITORY, NOW, add_run, add_user
from tests.databases import Database
from tests.e2e.processes import eventually
from tests.machine.server_queue import LEASE, ServerQueue, served
from tests.submitted_jobs import add_job

SESSION = "550e8400-e29b-41d4-a716-446655440000"
MACHINE = Machine("jobs", (WorkKind.JOB,), Platform.LINUX, NOW)


def gone() -> bool:
    """For a machine that has left."""
    return False


@pytest.fixture
def queue(sqlite_database: Database, tmp_path: Path) -> Iterator[ServerQueue]:
    with served(sqlite_database, tmp_path) as queue:
        yield queue


def ask(queue: ServerQueue, token: str, *, wait: int, patience: float) -> dict[str, Any] | None:
    """Ask for work, and hang up after so many seconds; the work, None where there was no answer by then."""
    body, headers = {"session": SESSION, "wait": wait}, {"Authorization": f"Bearer {token}"}
    try:
        answer = httpx.post(f"{queue.url}/machine-api/v1/claims", json=body, headers=headers, timeout=patience, trust_env=False)
    except httpx.ReadTimeout:
        return None
    work: dict[str, Any] | None = answer.json()["work"]
    return work


def test_a_run_that_is_queued_after_a_machine_hung_up_is_anothers(queue: ServerQueue) -> None:
    unheard = ask(queue, queue.token_file.read_text().strip(), wait=30, patience=0.5)
    run_id = queue.add()
    queue.wake()
    # As long as a server takes that looks by itself.
    time.sleep(0.5)

    claimed = queue.another().claim()

    assert unheard is None
    assert claimed is not None and claimed.run_id == run_id


def test_a_job_whose_machine_hangs_up_while_it_is_handed_over_is_back_in_the_queue_at_once(
    queue: ServerQueue, monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = machine_token(sha256(b"jobs").digest())
    transact(partial(add_machine, MACHINE, token_digest(token)))
    job_id = add_job(add_user())
    render, rendering, is_hung_up = machines._render_work, threading.Event(), threading.Event()

    def render_late(found: Work | None) -> dict[str, Any]:
        rendering.set()
        assert is_hung_up.wait(30)
        # The end of the connection is on its way through the server.
        time.sleep(0.3)
        return render(found)

    monkeypatch.setattr(machines, "_render_work", render_late)
    unheard = ask(queue, token, wait=0, patience=1)
    began = rendering.is_set()
    is_hung_up.set()

    def is_queued() -> bool:
        session().rollback()
        return load_job(job_id).status is JobStatus.QUEUED

    assert (unheard, began) == (None, True)
    eventually(is_queued, "the job in the queue", 30)
    assert load_job(job_id).attempt == 0


def test_nothing_is_claimed_for_a_machine_that_has_hung_up_while_the_server_notices(
    queue: ServerQueue, monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = queue.token_file.read_text().strip()
    render, is_rendered = machines._render_work, threading.Event()

    def render_late(found: Work | None) -> dict[str, Any]:
        queue.add()
        queue.wake()
        # As long as a claim takes.
        time.sleep(1)
        is_rendered.set()
        return render(found)

    with monkeypatch.context() as patched:
        patched.setattr(machines, "_render_work", render_late)
        unheard = ask(queue, token, wait=30, patience=0.5)
        assert is_rendered.wait(30)

    assert unheard is None
    assert queue.another().claim() is not None


def test_a_removed_machine_that_waits_is_given_nothing_and_keeps_nobody_waiting(queue: ServerQueue) -> None:
    token = queue.token_file.read_text().strip()
    other = queue.another()
    other._wait = 20
    with ThreadPoolExecutor(2) as threads:
        removed = threads.submit(ask, queue, token, wait=20, patience=30)
        time.sleep(0.5)
        transact(partial(remove_machine, "worker"))
        waiting = threads.submit(other.claim)
        time.sleep(0.5)
        run_id = queue.add()
        queue.wake()
        claimed = waiting.result()

    assert removed.result() is None
    assert claimed is not None and claimed.run_id == run_id
    session().rollback()
    assert [event.message for event in list_events(run_id)] != ["Taken by worker worker"]


def test_a_machine_waits_once_and_what_was_claimed_for_it_is_told_to_its_last_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_context, "in_thread", asyncio.to_thread)
    who, taking, goes_on = Waiting(MACHINE, Holder("jobs", SESSION), (WorkKind.JOB,)), threading.Event(), threading.Event()
    given_back: list[Any] = []

    def take(who: Waiting, is_there: IsThere) -> Any:
        taking.set()
        goes_on.wait(30)
        return "work"

    async def ask_twice() -> Any:
        queue = WorkQueue(take, lambda who, work: given_back.append(work), local_wakeup(tmp_path))
        async with queue.running():
            first = asyncio.ensure_future(queue.wait(who, 30))
            await asyncio.to_thread(taking.wait, 30)
            second = asyncio.ensure_future(queue.wait(who, 30))
            superseded = await first
            goes_on.set()
            return superseded, await second

    assert asyncio.run(ask_twice()) == (None, "work")
    assert given_back == []


def test_what_is_delivered_to_a_question_that_is_just_being_given_up_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_context, "in_thread", asyncio.to_thread)
    who, given_back = Waiting(MACHINE, Holder("jobs", SESSION), (WorkKind.JOB,)), list[Any]()

    async def give_up() -> None:
        queue = WorkQueue(lambda who, is_there: None, lambda who, work: given_back.append(work), local_wakeup(tmp_path))
        async with queue.running():
            asking = asyncio.ensure_future(queue.wait(who, 30))
            await asyncio.sleep(0)
            queue._waiters[0].taken.set_result("work")  # type: ignore[arg-type]
            asking.cancel()
            await asyncio.wait([asking])

    asyncio.run(give_up())
    assert given_back == ["work"]


def test_nothing_is_claimed_for_a_machine_that_has_left_by_the_time_it_would_be_kept(database: Database) -> None:
    run_id, job_id, now = add_run(), add_job(add_user()), database_now()
    claim = partial(claim_run, Holder("gone", SESSION), "linux", MAIN_REPOSITORY, now=now, lease=LEASE)

    unkept = claim(is_there=gone), claim_job("gone", now=now, lease=LEASE, per_owner=9, is_there=gone)
    session().rollback()

    assert unkept == (None, None)
    assert (list_events(run_id), load_job(job_id).status, load_job(job_id).attempt) == ((), JobStatus.QUEUED, 0)
    assert claim() is not None


def test_what_was_claimed_for_one_that_left_is_given_back_and_the_next_who_waits_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_context, "in_thread", asyncio.to_thread)
    first, second = (Waiting(MACHINE, Holder(name, SESSION), (WorkKind.JOB,)) for name in ("first", "second"))
    taking, has_left = threading.Event(), threading.Event()
    given_back: list[tuple[Waiting, Any]] = []

    def take(who: Waiting, is_there: IsThere) -> Any:
        if who is first:
            taking.set()
            has_left.wait(30)
        return who.holder.machine, is_there()

    async def wait_both() -> Any:
        queue = WorkQueue(take, lambda who, work: given_back.append((who, work)), local_wakeup(tmp_path))
        async with queue.running():
            leaving, staying = (asyncio.ensure_future(queue.wait(each, 30)) for each in (first, second))
            await asyncio.to_thread(taking.wait, 30)
            leaving.cancel()
            await asyncio.wait([leaving])
            has_left.set()
            return await staying

    assert asyncio.run(wait_both()) == ("second", True)
    assert given_back == [(first, ("first", False))]
