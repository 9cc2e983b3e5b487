"""What an agent does with its jobs, its leases, and with what others left."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason, JobStatus
from api.jobs.agent.held_job import HeldJob
from api.jobs.agent.names import AgentNames
from api.jobs.wakeup.wakeup import LocalWakeup
from api.storage.database import session, transact
from api.storage.jobs import agents as cards
from api.storage.jobs import jobs
from api.storage.jobs.tables import JobRow
from tests.builders import NOW
from tests.clocks import OFF
from tests.databases import Database
from tests.jobs.agent.agents import OPTIONS, Works, ended, lost
from tests.jobs.attempts import await_true


@pytest.fixture
def works(database: Database, tmp_path: Path) -> Iterator[Works]:
    made = Works(database, tmp_path)
    yield made
    made.supervisors.clear()


def test_a_job_is_claimed_run_and_reported_and_its_zip_goes(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    files = works.running(agent, job_id)
    works.supervisors.end(files, ended(files))

    job = works.over(agent, job_id)

    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    await_true(lambda: not works.files.project(job_id).exists())
    assert files.manifest.exists()


@pytest.mark.parametrize(("reason", "code", "status"), [
    (JobReason.EXIT_CODE, 1, JobStatus.COMPLETED), (JobReason.TIMEOUT, None, JobStatus.FAILED), (JobReason.LOST, None, JobStatus.FAILED),
    (JobReason.OUT_OF_MEMORY, 137, JobStatus.FAILED), (JobReason.ENGINE_ERROR, None, JobStatus.FAILED)])
def test_a_job_ends_as_its_record_says(works: Works, reason: JobReason, code: int | None, status: JobStatus) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    files = works.running(agent, job_id)
    works.supervisors.end(files, ended(files, reason, code))

    job = works.over(agent, job_id)

    assert (job.status, job.success, job.reason) == (status, False, reason)


def test_a_record_that_cannot_be_read_is_an_end_too(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    files = works.running(agent, job_id)
    files.exit.write_text("{")
    works.supervisors.end(files)

    assert works.over(agent, job_id).reason is JobReason.ENGINE_ERROR


def test_no_more_is_claimed_than_there_are_slots(works: Works) -> None:
    job_ids = [works.submit() for _ in range(3)]
    agent, preparer, _ = works.agent(slots=1)
    preparer.instead = lambda held: ended(held.files) if held_back.wait(60) else None
    held_back = threading.Event()

    agent.run_once()
    agent.run_once()
    acquire = [job_id for job_id in job_ids if works.job(job_id).status is JobStatus.RUNNING]
    held_back.set()
    finished = [works.over(agent, job_id).success for job_id in job_ids]

    assert len(acquire) == 1
    assert finished == [True] * 3


def test_a_cancel_is_passed_on(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    files = works.running(agent, job_id)
    transact(lambda: jobs.cancel_job(job_id, NOW))

    agent.run_once()

    assert files.cancel.exists()


def test_leases_are_renewed_in_the_database_and_for_supervisors(works: Works) -> None:
    job_id = works.submit()
    agent, _, name = works.agent()
    files = works.running(agent, job_id)
    before = files.lease_until()
    works.clock.advance(30)

    agent.run_once()

    assert before is not None
    assert files.lease_until() == works.clock() + (before - NOW)
    session().rollback()
    assert works.held_by(name) == [job_id] and jobs.list_expired(works.clock()) == []


@pytest.mark.parametrize("off", OFF, ids=str)
def test_an_agent_whose_clock_is_wrong_keeps_its_jobs_for_as_long_as_any_other(works: Works, off: timedelta) -> None:
    job_id = works.submit()
    agent, _, name = works.agent(clock_off=off)
    other, _, _ = works.agent(host="other", slots=0)
    files = works.running(agent, job_id)
    other.run_once()
    works.clock.advance(OPTIONS.lease.total_seconds())

    agent.run_once()
    other.run_once()

    assert works.held_by(name) == [job_id]
    assert lease_of(job_id) == works.clock() + OPTIONS.lease
    # The supervisor is on the same host, and has the same clock.
    assert files.lease_until() == works.clock() + off + OPTIONS.lease
    (record,) = [each for each in cards.list_agents() if each.name == name]
    assert record.seen_at == works.clock()


@pytest.mark.parametrize("off", OFF, ids=str)
def test_an_agent_whose_clock_is_wrong_gives_up_what_others_left_when_any_other_would(works: Works, off: timedelta) -> None:
    job_id = works.submit()
    transact(lambda: jobs.claim_job("elsewhere", now=works.clock(), lease_until=works.clock() + OPTIONS.lease, per_owner=9))
    agent, _, _ = works.agent(clock_off=off, slots=0)
    turns = []

    for _ in range(3):
        agent.run_once()
        turns.append(works.job(job_id).status)
        works.clock.advance((OPTIONS.lease + OPTIONS.margin).total_seconds() / 2 + 1)

    assert turns == [JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.QUEUED]


def lease_of(job_id: str) -> datetime:
    session().rollback()
    return session().execute(select(JobRow.lease_until).where(JobRow.id == job_id)).scalar_one()  # type: ignore[return-value]


def test_a_job_that_has_passed_to_another_is_killed(works: Works) -> None:
    job_id = works.submit(max_attempts=2)
    agent, preparer, _ = works.agent(slots=1)
    files = works.running(agent, job_id)
    preparer.instead = lost
    job = works.job(job_id)
    transact(lambda: jobs.give_up_job(job, NOW, began=True))
    other = transact(lambda: jobs.claim_job("another", now=NOW, lease_until=NOW, per_owner=9))

    agent.run_once()

    await_true(lambda: works.supervisors.is_killed(files))
    await_true(lambda: (agent.run_once(), not agent.held_names)[1])
    assert other is not None
    assert (works.job(job_id).status, works.job(job_id).fence) == (JobStatus.RUNNING, other.fence)


def test_a_supervisor_that_was_killed_is_a_lost_attempt(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    works.supervisors.end(works.running(agent, job_id))

    assert works.over(agent, job_id).reason is JobReason.LOST


@pytest.mark.parametrize("reason", [None, JobReason.ENGINE_ERROR])
def test_what_a_supervisor_said_of_its_end_is_in_the_agents_log(
    works: Works, reason: JobReason | None, caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    files = works.running(agent, job_id)
    files.supervisor_log.write_bytes(b"x" * 9000 + b"\nMemoryError \x1b[31m\n")
    works.supervisors.end(files, None if reason is None else ended(files, reason, None))

    works.over(agent, job_id)

    assert f"job {job_id}, attempt {files.folder.name}: output of its supervisor:\n" in caplog.text
    assert "MemoryError ?[31m" in caplog.text and "x" * 8200 not in caplog.text


def test_a_fault_in_preparing_ends_one_job_and_no_other(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    def fail(held: HeldJob) -> ExitRecord | None:
        raise RuntimeError("a fault of ours")

    agent, preparer, _ = works.agent()
    preparer.instead = fail
    broken = works.over(agent, works.submit())
    preparer.instead = None
    job_id = works.submit()
    files = works.running(agent, job_id)
    works.supervisors.end(files, ended(files))

    assert broken.reason is JobReason.ENGINE_ERROR
    assert works.over(agent, job_id).success
    assert "a fault of ours" in caplog.text


def test_a_job_that_was_not_prepared_after_all_is_claimed_again_as_if_for_the_first_time(works: Works) -> None:
    def lose_first(held: HeldJob) -> ExitRecord | None:
        return lost(held) if len(preparer.seen) == 1 else ended(held.files)

    job_id = works.submit()
    agent, preparer, _ = works.agent()
    preparer.instead = lose_first

    job = works.over(agent, job_id)

    assert (job.success, job.attempt, len(preparer.seen)) == (True, 1, 2)


def test_what_a_dead_agent_of_the_host_held_is_adopted(works: Works) -> None:
    job_id = works.submit()
    dead, _, _ = works.agent(name=_name(works, 0))
    files = works.running(dead, job_id)
    agent, _, name = works.agent(name=_name(works, 1))

    agent.run_once()
    held = works.held_by(name)
    works.supervisors.end(files, ended(files))
    job = works.over(agent, job_id)

    assert held == [job_id]
    assert (job.success, job.attempt) == (True, 1)


def test_what_a_living_agent_of_the_host_holds_is_left_to_it(works: Works) -> None:
    job_id = works.submit()
    with _names(works).acquire() as living:
        first, _, _ = works.agent(name=living)
        works.running(first, job_id)
        agent, _, name = works.agent()

        agent.run_once()

        assert works.held_by(name) == []
        assert works.held_by(living) == [job_id]


def test_an_attempt_that_never_began_is_made_again_at_once(works: Works) -> None:
    job_id = works.submit()
    dead = _name(works, 0)
    claimed = transact(lambda: jobs.claim_job(dead, now=NOW, lease_until=NOW, per_owner=9))
    assert claimed is not None
    left = works.attempt(job_id)
    left.prepare({}, NOW)
    agent, _, _ = works.agent()

    agent.run_once()
    files = works.running(agent, job_id)

    assert left.cancel.exists()
    assert (works.job(job_id).attempt, files.folder) != (1, left.folder)


def test_a_job_whose_files_cannot_be_had_keeps_the_agent_from_no_other(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = works.submit(priority=1), works.submit()
    dead, _, _ = works.agent(name=_name(works, 0))
    transact(lambda: jobs.claim_job(_name(works, 0), now=NOW, lease_until=NOW, per_owner=9))
    # A folder in which nothing can be made any more, as on a disk that is full.
    files = works.attempt(broken)
    files.prepare({}, NOW)
    files.cancel.symlink_to("/proc/1/nothing-can-be-made-here")
    works.running(dead, whole)
    agent, _, name = works.agent(name=_name(works, 1))

    agent.run_once()

    assert works.held_by(name) == [whole]
    assert f"job {broken} could not be adopted" in caplog.text


def test_an_expired_job_of_another_host_is_given_up_but_not_at_once_after_an_outage(works: Works) -> None:
    job_id = works.submit()
    transact(lambda: jobs.claim_job("elsewhere", now=NOW, lease_until=NOW, per_owner=9))
    files = works.attempt(job_id)
    files.prepare({}, NOW)
    files.state.write_text("{}")
    agent, _, _ = works.agent()
    works.clock.advance(20)

    agent.run_once()
    works.clock.advance(30)
    agent.run_once()
    waited = works.job(job_id).status
    works.clock.advance(31)
    agent.run_once()

    assert waited is JobStatus.RUNNING
    assert works.job(job_id).reason is JobReason.LOST


def test_the_result_of_an_expired_job_counts_where_there_is_one(works: Works) -> None:
    job_id = works.submit()
    transact(lambda: jobs.claim_job("elsewhere", now=NOW, lease_until=NOW, per_owner=9))
    files = works.attempt(job_id)
    files.prepare({}, NOW)
    files.write_exit(ended(files))
    agent, _, _ = works.agent()

    agent.run_once()
    works.clock.advance(120)
    agent.run_once()

    assert works.job(job_id).success


def test_an_agent_says_what_it_is(works: Works) -> None:
    agent, _, name = works.agent(slots=3)

    agent.run_once()

    session().rollback()
    (record,) = cards.list_agents()
    assert (record.name, record.slots, record.running, record.seen_at, record.sandbox) == (name, 3, 0, NOW, "bubblewrap")


def test_an_agent_whose_jobs_would_all_fail_takes_none_and_says_so_until_that_is_over(works: Works) -> None:
    agent, _, _ = works.agent()
    agent.run_once()
    job_id = works.submit()

    agent.suspend_claims("the sandbox has no pytest")
    agent.run_once()
    session().rollback()
    (record,) = cards.list_agents()
    waiting = works.job(job_id).status
    agent.suspend_claims(None)
    files = works.running(agent, job_id)
    works.supervisors.end(files, ended(files))

    assert (record.sandbox, record.trouble, waiting) == ("bubblewrap", "the sandbox has no pytest", JobStatus.QUEUED)
    assert works.over(agent, job_id).success
    session().rollback()
    assert [each.trouble for each in cards.list_agents()] == [None]


def test_an_agent_that_is_told_to_stop_leaves_jobs_running_for_long_and_is_forgotten(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    wakeup = LocalWakeup(works.folder / "wakeups")
    with wakeup.listen() as listener:
        thread = threading.Thread(target=agent.run, args=(listener,))
        thread.start()
        wakeup.wake()
        await_true(lambda: works.attempt(job_id).is_supervised())
        await_true(lambda: agent.is_idle)
        agent.stop()
        thread.join(60)
    files = works.attempt(job_id)

    lease = files.lease_until()
    session().rollback()
    assert lease is not None and (lease - NOW).total_seconds() == 15 * 60
    assert works.job(job_id).status is JobStatus.RUNNING and files.is_supervised() and not files.cancel.exists()
    assert cards.list_agents() == []


@pytest.mark.parametrize(("call", "step", "fault"), [
    ("renew", "leases", OSError(116, "Stale file handle")), ("held_by", "adoption", ValueError()),
    ("expired", "lost attempts", MemoryError()), ("is_any_waiting", "claims", RecursionError()),
    ("claim", "claims", UnicodeDecodeError("utf-8", b"", 0, 1, "")), ("heartbeat", "heartbeat", KeyError())])
def test_a_fault_in_one_part_of_its_turn_keeps_the_agent_from_nothing_else(
    works: Works, call: str, step: str, fault: Exception,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise fault

    agent, _, _ = works.agent()
    first = works.submit()
    files = works.running(agent, first)
    works.clock.advance(119)
    agent._available_since, second = NOW, works.submit()
    before, working = files.lease_until(), getattr(agent._repository, call)
    setattr(agent._repository, call, fail)
    agent.run_once()
    lease, beats = files.lease_until(), [record.seen_at for record in cards.list_agents()]
    setattr(agent._repository, call, working)
    works.clock.advance(10)
    works.supervisors.end(works.running(agent, second), ended(works.attempt(second)))
    works.supervisors.end(files, ended(files))

    assert agent._steps[step].state().failures == 1
    assert (lease != before, works.clock() - timedelta(seconds=10) in beats) == (call != "renew", call != "heartbeat")
    assert [works.over(agent, job_id).success for job_id in (first, second)] == [True, True]


def test_a_part_of_its_turn_that_always_fails_neither_ends_the_agent_nor_has_it_spin(works: Works) -> None:
    agent, _, _ = works.agent()
    works.submit()
    turns: list[int] = []

    def fail() -> bool:
        turns.append(1)
        if len(turns) == 3:
            agent.stop()
        raise OSError

    agent._repository.is_any_waiting = fail  # type: ignore[method-assign]
    agent._options = replace(agent._options, poll=timedelta(seconds=0.01))
    with LocalWakeup(works.folder / "wakeups").listen() as listener:
        agent.run(listener)

    assert len(turns) == 3
    assert agent._steps["claims"].state().failures == 3


def test_a_job_whose_thread_ended_without_a_word_is_adopted_as_if_its_agent_had_died(works: Works) -> None:
    def vanish(held: HeldJob) -> ExitRecord | None:
        if len(preparer.seen) == 1:
            raise SystemExit
        return ended(held.files)

    job_id = works.submit()
    agent, preparer, _ = works.agent()
    preparer.instead = vanish
    agent.run_once()
    await_true(lambda: agent.is_idle)
    works.clock.advance(10)

    job = works.over(agent, job_id)

    assert (job.success, len(preparer.seen)) == (True, 2)


def test_a_machine_that_has_no_thread_left_keeps_neither_the_job_nor_the_slot(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    job_id = works.submit()
    agent, preparer, name = works.agent(slots=1)
    preparer.instead = lambda held: ended(held.files)
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        agent.run_once()
        held = works.held_by(name)

    job = works.over(agent, job_id)

    assert (held, job.success, job.attempt) == ([], True, 1)


def _names(works: Works) -> AgentNames:
    return AgentNames(works.folder / "host", "host")


def _name(works: Works, number: int) -> str:
    """The name of an agent of the host that does not live."""
    with _names(works).acquire() as name:
        return f"{name.rpartition('-')[0]}-{number}"
