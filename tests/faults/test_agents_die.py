"""Agents and supervisors are killed and frozen; jobs go on, or are seen to be lost, and nothing is run twice."""
from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta

from api.domain.jobs.job import JobReason, JobStatus
from tests.e2e.processes import eventually, is_alive
from tests.faults.agent_hosts import COUNTING, LONGER, SHORT, Host, Plant, is_contiguous, supervisor_of

QUICK = "print('done')"


def test_an_agent_that_is_killed_and_started_again_adopts_its_job(plant: Plant, host: Host) -> None:
    job_id = plant.submit()
    with host.agent() as first:
        attempt = plant.attempt(job_id)
        first.kill()
    supervised = attempt.is_supervised()
    with host.agent() as second:
        eventually(lambda: "is adopted" in second.output(), "the adoption")
        host.let_go(attempt)
        job = plant.over(job_id)

    assert supervised
    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    assert is_contiguous(plant.log(attempt)) and plant.log(attempt).endswith("told to go on\n")
    assert len(plant.files.attempts(job_id)) == 1


def test_a_job_that_ended_while_no_agent_lived_is_reported_by_the_next(plant: Plant, host: Host) -> None:
    job_id = plant.submit()
    with host.agent() as first:
        attempt = plant.attempt(job_id)
        first.kill()
    host.let_go(attempt)
    eventually(attempt.exit.exists, "the exit record")

    with host.agent():
        job = plant.over(job_id)

    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)


def test_an_agent_that_is_told_to_stop_leaves_its_job_running(plant: Plant, host: Host) -> None:
    job_id = plant.submit()
    with host.agent() as first:
        attempt = plant.attempt(job_id)
        status = first.stop()
    printed = plant.log(attempt).count("\n")
    eventually(lambda: plant.log(attempt).count("\n") > printed, "more output")
    lease, running = attempt.lease_until(), plant.job(job_id)
    with host.agent():
        host.let_go(attempt)
        job = plant.over(job_id)

    assert status == 0
    # Whoever stops an agent means to start another, which may take longer than a lease.
    assert lease is not None and lease > datetime.now(UTC) + timedelta(minutes=5)
    assert running.status is JobStatus.RUNNING
    assert (job.success, job.attempt) == (True, 1)
    assert is_contiguous(plant.log(attempt))


def test_a_job_whose_supervisor_is_killed_is_lost_and_the_next_one_is_unharmed(plant: Plant, host: Host) -> None:
    job_id = plant.submit()
    with host.agent():
        attempt = plant.attempt(job_id)
        os.kill(supervisor_of(attempt), signal.SIGKILL)
        job = plant.over(job_id)
        other = plant.over(plant.submit(QUICK))

    assert (job.status, job.reason, job.attempt) == (JobStatus.FAILED, JobReason.LOST, 1)
    assert other.success


def test_a_job_that_may_be_tried_again_is(plant: Plant, host: Host) -> None:
    job_id = plant.submit(max_attempts=2)
    with host.agent():
        os.kill(supervisor_of(plant.attempt(job_id)), signal.SIGKILL)
        second = plant.attempt(job_id, 2)
        host.let_go(second)
        job = plant.over(job_id)

    assert (job.success, job.attempt) == (True, 2)


def test_what_an_agent_that_was_frozen_past_its_lease_has_to_say_is_refused(plant: Plant, host: Host) -> None:
    other = plant.host()
    job_id = plant.submit(max_attempts=2)
    with host.agent(CI_LEASE_DURATION=SHORT) as frozen:
        first = plant.attempt(job_id)
        frozen.tell(signal.SIGSTOP)
        with other.agent(CI_LEASE_DURATION=LONGER):
            second = plant.attempt(job_id, 2)
            killed = not first.is_supervised()
            frozen.tell(signal.SIGCONT)
            eventually(lambda: "has passed on" in frozen.output() or "has passed to another" in frozen.output(), "the refusal")
            running = plant.job(job_id)
            other.let_go(second)
            job = plant.over(job_id)

    assert killed
    assert (running.status, running.attempt) == (JobStatus.RUNNING, 2)
    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 2)
    assert is_contiguous(plant.log(first)) and is_contiguous(plant.log(second))


def test_when_a_whole_host_is_gone_another_takes_over(any_plant: Plant) -> None:
    plant, host, other = any_plant, any_plant.host(), any_plant.host()
    job_id = plant.submit(max_attempts=2)
    with host.agent(CI_LEASE_DURATION=SHORT) as gone:
        first = plant.attempt(job_id)
        gone.kill()
        os.kill(supervisor_of(first), signal.SIGKILL)
    with other.agent(CI_LEASE_DURATION=LONGER):
        second = plant.attempt(job_id, 2)
        other.let_go(second)
        job = plant.over(job_id)

    assert (job.success, job.attempt) == (True, 2)


def test_of_many_jobs_two_agents_run_each_once(any_plant: Plant) -> None:
    plant, host, other = any_plant, any_plant.host(), any_plant.host()
    job_ids = [plant.submit(QUICK) for _ in range(24)]
    with host.agent(CI_JOB_SLOTS="3"), other.agent(CI_JOB_SLOTS="3"):
        ended = [plant.over(job_id) for job_id in job_ids]

    assert [(job.reason, job.exit_code, job.attempt) for job in ended] == [(JobReason.EXIT_CODE, 0, 1)] * len(job_ids)
    assert [len(plant.files.attempts(job_id)) for job_id in job_ids] == [1] * len(job_ids)
    assert all(plant.log(plant.files.attempts(job_id)[0]).count("done") == 1 for job_id in job_ids)


def test_a_frozen_agent_holds_up_no_supervisor(plant: Plant, host: Host) -> None:
    job_id = plant.submit(COUNTING)
    with host.agent(CI_LEASE_DURATION=SHORT) as frozen:
        attempt = plant.attempt(job_id)
        pid = supervisor_of(attempt)
        frozen.tell(signal.SIGSTOP)
        eventually(lambda: not is_alive(pid), "the end of the supervisor at its lease's end")
        record = attempt.read_exit()
        frozen.tell(signal.SIGCONT)
        job = plant.over(job_id)

    assert record is not None and record.reason is JobReason.LOST
    assert (job.status, job.reason) == (JobStatus.FAILED, JobReason.LOST)
