"""Jobs that an agent, a supervisor or a host has left: adopted, made again or given up."""
from __future__ import annotations

from datetime import timedelta

import pytest

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason, JobStatus
from api.jobs.agent.held_job import HeldJob
from api.jobs.agent.names import AgentNames
from api.storage.database import transact
from api.storage.jobs import agents as cards
from api.storage.jobs import jobs
from tests.builders import NOW
from tests.clocks import OFF
from tests.jobs.agent.agents import OPTIONS, Works, ended, lease_of, lost
from tests.jobs.attempts import await_true


def _names(works: Works) -> AgentNames:
    return AgentNames(works.folder / "host", "host")


def _name(works: Works, number: int) -> str:
    """The name of an agent of the host that does not live."""
    with _names(works).acquire() as name:
        return f"{name.rpartition('-')[0]}-{number}"


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
