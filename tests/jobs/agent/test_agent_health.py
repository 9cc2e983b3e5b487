"""An agent that has no thread left, whose parts fail, or that is told to stop."""
from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.jobs.job import JobStatus
from api.jobs.agent.job_repository import RepositoryUnavailable
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
    agent.suspend_claims("the sandbox has no pytest")
    agent.run_once()
    job_id = works.submit()

    await_true(lambda: (agent.run_once(), agent.held_names is not None)[1])
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


def test_a_job_that_was_asked_for_before_there_was_trouble_is_given_back(works: Works) -> None:
    job_id = works.submit()
    agent, preparer, _ = works.agent()

    await_true(lambda: (agent.run_once(), agent._claim is not None)[1])
    await_true(lambda: works.job(job_id).status is JobStatus.RUNNING)
    agent.suspend_claims("the sandbox has no pytest")
    await_true(lambda: (agent.run_once(), works.job(job_id).status is JobStatus.QUEUED)[1])

    assert (works.job(job_id).attempt, preparer.seen) == (0, [])


def test_an_agent_that_is_told_to_stop_leaves_jobs_running_for_long_and_is_forgotten(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    thread = threading.Thread(target=agent.run)
    thread.start()
    await_true(lambda: works.job(job_id).machine is not None and works.local(job_id).is_supervised())
    await_true(lambda: agent.is_idle)
    agent.stop()
    thread.join(60)
    files = works.local(job_id)

    lease = files.lease_until()
    session().rollback()
    assert lease is not None and (lease - NOW).total_seconds() == 15 * 60
    assert works.job(job_id).status is JobStatus.RUNNING and files.is_supervised() and not files.cancel.exists()
    assert cards.list_agents() == []


@pytest.mark.parametrize(("call", "step", "fault"), [
    ("renew", "leases", OSError(116, "Stale file handle")), ("claim", "claims", UnicodeDecodeError("utf-8", b"", 0, 1, "")),
    ("held", "adoption", ValueError())])
def test_a_fault_in_one_part_of_its_turn_keeps_the_agent_from_nothing_else(
    works: Works, call: str, step: str, fault: Exception,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise fault

    agent, _, _ = works.agent()
    first = works.submit()
    files = works.running(agent, first)
    works.clock.advance(30)
    before, working, second = files.lease_until(), getattr(agent._repository, call), works.submit()
    setattr(agent._repository, call, fail)
    # An answer that was lost has it look for what it was given.
    agent._are_orphans_due = call == "held"
    await_true(lambda: (agent.run_once(), agent._steps[step].state().failures > 0)[1])
    lease = files.lease_until()
    setattr(agent._repository, call, working)
    works.clock.advance(10)
    works.supervisors.end(works.running(agent, second), ended(works.local(second)))
    works.supervisors.end(files, ended(files))

    assert (lease != before) == (call != "renew")
    assert [works.over(agent, job_id).success for job_id in (first, second)] == [True, True]


def test_an_outage_of_the_server_is_told_once_and_outlived(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RepositoryUnavailable("ConnectError", is_outage=True)

    agent, _, _ = works.agent()
    working, job_id = agent._repository.renew, works.submit()
    agent._repository.renew = fail  # type: ignore[method-assign, assignment]
    for _ in range(3):
        agent.run_once()
    agent._repository.renew = working  # type: ignore[method-assign]
    files = works.running(agent, job_id)
    works.supervisors.end(files, ended(files))

    assert works.over(agent, job_id).success
    assert caplog.text.count("the server is unavailable; jobs go on") == 1


def test_a_part_of_its_turn_that_always_fails_neither_ends_the_agent_nor_has_it_spin(works: Works) -> None:
    agent, _, _ = works.agent()
    turns: list[int] = []

    def fail(*arguments: object, **options: object) -> None:
        turns.append(1)
        if len(turns) == 3:
            agent.stop()
        raise OSError

    agent._repository.renew = fail  # type: ignore[method-assign, assignment]
    agent._options = replace(agent._options, poll=timedelta(seconds=0.01))
    agent.run()

    assert len(turns) == 3
    assert agent._steps["leases"].state().failures == 3


def test_a_machine_that_has_no_thread_left_keeps_neither_the_job_nor_the_slot(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    job_id = works.submit()
    agent, preparer, name = works.agent(slots=1)
    preparer.instead = lambda held: ended(held.files)
    await_true(lambda: (agent.run_once(), agent._claim is not None)[1])
    await_true(lambda: agent._claim is not None and agent._claim.done())
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        agent.run_once()
        held = works.held_by(name)

    job = works.over(agent, job_id)

    assert (held, job.success, job.attempt) == ([], True, 1)
