"""An agent that has no thread left, whose parts fail, or that is told to stop."""
from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.jobs.job import JobStatus
from api.jobs.wakeup.wakeup import LocalWakeup
from api.storage.database import session
from api.storage.jobs import agents as cards
from tests.builders import NOW
from tests.jobs.agent.agents import Works, ended
from tests.jobs.attempts import await_true


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
