"""Machines and supervisors are killed and frozen; jobs go on, or are seen to be lost, and nothing is run twice."""
from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from api.domain.jobs.job import JobReason, JobStatus
from tests.e2e.processes import eventually, is_alive
from tests.faults.cluster import COUNTING, SHORT, Cluster, Host, is_contiguous, on_mariadb_first, supervisor_of

QUICK = "print('done')"


def test_an_agent_that_is_killed_and_started_again_adopts_its_job(cluster: Cluster, host: Host) -> None:
    job_id = cluster.submit()
    with host.agent() as first:
        attempt = cluster.attempt(job_id)
        first.kill()
    supervised = attempt.is_supervised()
    with host.agent() as second:
        eventually(lambda: "was adopted" in second.output(), "the adoption")
        host.release(attempt)
        job = cluster.over(job_id)

    assert supervised
    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    assert is_contiguous(cluster.log(attempt)) and cluster.log(attempt).endswith("told to go on\n")
    assert len(cluster.files.attempts(job_id)) == 1


def test_a_job_that_ended_while_no_agent_lived_is_reported_by_the_next(cluster: Cluster, host: Host) -> None:
    job_id = cluster.submit()
    with host.agent() as first:
        attempt = cluster.attempt(job_id)
        first.kill()
    host.release(attempt)
    eventually(attempt.exit.exists, "the exit record")

    with host.agent():
        job = cluster.over(job_id)

    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)


@pytest.mark.verify
def test_an_agent_that_is_told_to_stop_leaves_its_job_running(cluster: Cluster, host: Host) -> None:
    job_id = cluster.submit()
    with host.agent() as first:
        attempt = cluster.attempt(job_id)
        status = first.stop()
    printed = attempt.log.stat().st_size
    eventually(lambda: attempt.log.stat().st_size > printed, "more output")
    lease, running = attempt.lease_until(), cluster.job(job_id)
    with host.agent():
        host.release(attempt)
        job = cluster.over(job_id)

    assert status == 0
    # Whoever stops an agent means to start another, which may take longer than a lease.
    assert lease is not None and lease > datetime.now(UTC) + timedelta(minutes=5)
    assert running.status is JobStatus.RUNNING
    assert (job.success, job.attempt) == (True, 1)
    assert is_contiguous(cluster.log(attempt))


def test_a_job_whose_supervisor_is_killed_is_lost_and_the_next_one_is_unharmed(cluster: Cluster, host: Host) -> None:
    job_id = cluster.submit()
    with host.agent():
        attempt = cluster.attempt(job_id)
        os.kill(supervisor_of(attempt), signal.SIGKILL)
        job = cluster.over(job_id)
        other = cluster.over(cluster.submit(QUICK))

    assert (job.status, job.reason, job.attempt) == (JobStatus.FAILED, JobReason.LOST, 1)
    assert other.success


def test_a_job_that_may_be_tried_again_is(cluster: Cluster, host: Host) -> None:
    job_id = cluster.submit(max_attempts=2)
    with host.agent():
        os.kill(supervisor_of(cluster.attempt(job_id)), signal.SIGKILL)
        second = cluster.attempt(job_id, 2)
        host.release(second)
        job = cluster.over(job_id)

    assert (job.success, job.attempt) == (True, 2)


@pytest.mark.verify
def test_what_an_agent_that_was_frozen_past_its_lease_has_to_say_is_refused(hasty_cluster: Cluster, host: Host) -> None:
    cluster = hasty_cluster
    other = cluster.host()
    job_id = cluster.submit(max_attempts=2)
    with host.agent() as frozen:
        first = cluster.attempt(job_id)
        frozen.tell(signal.SIGSTOP)
        with other.agent():
            second = cluster.attempt(job_id, 2)
            killed = not first.is_supervised()
            frozen.tell(signal.SIGCONT)
            eventually(lambda: "another machine has claimed" in frozen.output() or "no longer this machine" in frozen.output(), "a refusal")
            running = cluster.job(job_id)
            other.release(second)
            job = cluster.over(job_id)

    assert killed
    assert (running.status, running.attempt) == (JobStatus.RUNNING, 2)
    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 2)
    assert is_contiguous(cluster.log(first)) and is_contiguous(cluster.log(second))


@on_mariadb_first
def test_when_a_whole_host_is_gone_another_takes_over(any_plant: Cluster) -> None:
    cluster, host, other = any_plant, any_plant.host(), any_plant.host()
    job_id = cluster.submit(max_attempts=2)
    with cluster.server(lease=SHORT):
        with host.agent() as gone:
            first = cluster.attempt(job_id)
            gone.kill()
            os.kill(supervisor_of(first), signal.SIGKILL)
        with other.agent():
            second = cluster.attempt(job_id, 2)
            other.release(second)
            job = cluster.over(job_id)

    assert (job.success, job.attempt) == (True, 2)


@on_mariadb_first
def test_of_many_jobs_two_agents_run_each_once(any_plant: Cluster) -> None:
    cluster, host, other = any_plant, any_plant.host(), any_plant.host()
    job_ids = [cluster.submit(QUICK) for _ in range(12)]
    with cluster.server(), host.agent(CI_JOB_SLOTS="3"), other.agent(CI_JOB_SLOTS="3"):
        ended = [cluster.over(job_id) for job_id in job_ids]

    assert [(job.reason, job.exit_code, job.attempt) for job in ended] == [(JobReason.EXIT_CODE, 0, 1)] * len(job_ids)
    assert [len(cluster.files.attempts(job_id)) for job_id in job_ids] == [1] * len(job_ids)
    assert all(cluster.log(cluster.files.attempts(job_id)[0]).count("done") == 1 for job_id in job_ids)


@pytest.mark.verify
def test_a_frozen_agent_holds_up_no_supervisor(hasty_cluster: Cluster, host: Host) -> None:
    cluster = hasty_cluster
    job_id = cluster.submit(COUNTING)
    with host.agent() as frozen:
        attempt = cluster.attempt(job_id)
        pid = supervisor_of(attempt)
        frozen.tell(signal.SIGSTOP)
        eventually(lambda: not is_alive(pid), "the end of the supervisor at its lease's end")
        record = attempt.read_exit()
        frozen.tell(signal.SIGCONT)
        job = cluster.over(job_id)

    assert record is not None and record.reason is JobReason.LOST
    assert (job.status, job.reason) == (JobStatus.FAILED, JobReason.LOST)
