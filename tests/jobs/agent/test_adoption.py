"""Jobs that an agent or a supervisor has left: adopted, made again or given up."""
from __future__ import annotations

from datetime import timedelta

import pytest

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import Job, JobReason, JobStatus
from api.jobs.agent.held_job import HeldJob
from api.jobs.files import AttemptFiles, JobFiles
from api.storage.database import transact
from api.storage.jobs import agents as cards
from api.storage.jobs import jobs
from tests.builders import NOW
from tests.clocks import OFF
from tests.jobs.agent.agents import OPTIONS, Works, ended, lease_of, lost
from tests.jobs.attempts import await_true

MACHINE = "one"


def claimed(works: Works, machine: str = MACHINE) -> tuple[Job, AttemptFiles]:
    """A job that a machine claimed without doing anything for it, and its folder there."""
    job = transact(lambda: jobs.claim_job(machine, now=NOW, lease_until=works.clock() + OPTIONS.lease, per_owner=9))
    assert job is not None
    return job, JobFiles(works.folder / machine).attempt(job.job_id, job.attempt, job.fence)


@pytest.mark.parametrize("off", OFF, ids=str)
def test_an_agent_whose_clock_is_wrong_keeps_its_jobs_for_as_long_as_any_other(works: Works, off: timedelta) -> None:
    job_id = works.submit()
    agent, _, name = works.agent(clock_off=off)
    files = works.running(agent, job_id)
    works.clock.advance(OPTIONS.lease.total_seconds())

    agent.run_once()

    assert works.held_by(name) == [job_id]
    assert lease_of(job_id) == works.clock() + OPTIONS.lease
    # The supervisor is on the same host, and has the same clock.
    assert files.lease_until() == works.clock() + off + OPTIONS.lease
    (record,) = [each for each in cards.list_agents() if each.name == name]
    assert record.seen_at == works.clock()


def test_a_job_that_has_passed_to_another_is_killed(works: Works) -> None:
    job_id = works.submit(max_attempts=2)
    agent, preparer, _ = works.agent(slots=1)
    files = works.running(agent, job_id)
    preparer.instead = lost
    job = works.job(job_id)
    transact(lambda: jobs.give_up_job(job, NOW, began=True))
    other = transact(lambda: jobs.claim_job("another", now=NOW, lease_until=NOW, per_owner=9))
    works.clock.advance(2)

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


def test_what_the_machines_process_before_held_is_adopted(works: Works) -> None:
    job_id = works.submit()
    dead, _, _ = works.agent(machine=MACHINE)
    files = works.running(dead, job_id)
    files.log.write_text("printed while nobody looked\n")
    agent, _, _ = works.agent(machine=MACHINE)

    await_true(lambda: (agent.run_once(), bool(agent.held_names))[1])
    works.supervisors.end(files, ended(files))
    job = works.over(agent, job_id)

    assert (job.success, job.attempt) == (True, 1)
    assert works.attempt(job_id).log.read_text() == "printed while nobody looked\n"


def test_the_log_of_an_adopted_job_goes_on_where_the_server_has_it(works: Works) -> None:
    job_id = works.submit()
    dead, preparer, _ = works.agent(machine=MACHINE)
    files = works.running(dead, job_id)
    files.log.write_text("one\n")
    preparer.shipper.ship(preparer.seen[0])
    files.log.write_text("one\ntwo\n")
    agent, _, _ = works.agent(machine=MACHINE)
    works.supervisors.end(files, ended(files))

    works.over(agent, job_id)

    assert works.attempt(job_id).log.read_text() == "one\ntwo\n"


def test_what_another_machine_holds_is_left_to_it(works: Works) -> None:
    job_id = works.submit()
    first, _, name = works.agent()
    works.running(first, job_id)
    agent, _, other = works.agent()

    await_true(lambda: (agent.run_once(), agent.held_names is not None)[1])

    assert (works.held_by(other), works.held_by(name)) == ([], [job_id])


def test_an_attempt_that_never_began_is_made_again_at_once(works: Works) -> None:
    job_id = works.submit()
    _, left = claimed(works)
    left.prepare({}, NOW)
    agent, _, _ = works.agent(machine=MACHINE)

    await_true(lambda: (agent.run_once(), bool(agent.held_names))[1])
    files = works.running(agent, job_id)

    assert left.cancel.exists()
    assert (works.job(job_id).attempt, files.folder) == (2, JobFiles(works.folder / MACHINE).attempt(job_id, 2, 3).folder)


def test_a_job_whose_files_cannot_be_had_keeps_the_agent_from_no_other(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = works.submit(priority=1), works.submit()
    dead, _, _ = works.agent(machine=MACHINE)
    # A folder in which nothing can be made any more, as on a disk that is full.
    _, files = claimed(works)
    files.prepare({}, NOW)
    files.cancel.symlink_to("/proc/1/nothing-can-be-made-here")
    works.running(dead, whole)
    agent, _, _ = works.agent(machine=MACHINE)

    await_true(lambda: (agent.run_once(), bool(agent.held_names))[1])

    assert [name[:36] for name in agent.held_names or ()] == [whole]
    assert f"job {broken} could not be adopted" in caplog.text


def test_a_job_that_ended_while_no_agent_lived_is_reported(works: Works) -> None:
    job_id = works.submit()
    _, files = claimed(works)
    files.prepare({}, NOW)
    files.write_exit(ended(files))
    agent, _, _ = works.agent(machine=MACHINE)

    assert works.over(agent, job_id).success


def test_a_job_whose_thread_ended_without_a_word_is_adopted_as_if_its_agent_had_died(works: Works) -> None:
    def vanish(held: HeldJob) -> ExitRecord | None:
        if len(preparer.seen) == 1:
            raise SystemExit
        return ended(held.files)

    job_id = works.submit()
    agent, preparer, _ = works.agent()
    preparer.instead = vanish
    await_true(lambda: (agent.run_once(), bool(preparer.seen) and agent.is_idle)[1])
    works.clock.advance(10)

    job = works.over(agent, job_id)

    assert (job.success, len(preparer.seen)) == (True, 2)
