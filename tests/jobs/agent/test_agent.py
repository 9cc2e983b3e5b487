"""What an agent does with its jobs, its leases, and with what others left."""
from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from api.domain.jobs.exit_record import ExitRecord
from api.domain.jobs.job import JobReason, JobStatus
from api.jobs.agent.held_job import HeldJob
from api.jobs.project.collecting import read_collected
from api.jobs.project.keeping import ArtifactLimits
from api.jobs.project.workspaces import Workspaces
from api.storage.database import session, transact
from api.storage.jobs import jobs
from api.storage.jobs.places import project_name
from tests.builders import NOW
from tests.job_stores import content
from tests.jobs.agent.agents import Works, ended, lost
from tests.jobs.attempts import await_true


def test_a_job_is_claimed_run_and_reported_and_its_zip_stays_to_be_run_once_more(works: Works) -> None:
    job_id = works.submit()
    agent, _, _ = works.agent()
    files = works.running(agent, job_id)
    works.supervisors.end(files, ended(files))

    job = works.over(agent, job_id)

    assert (job.status, job.success, job.attempt) == (JobStatus.COMPLETED, True, 1)
    assert works.attempt(job_id).manifest.exists()
    assert content(works.store, project_name(job_id)) is not None
    await_true(lambda: not files.folder.exists())


def test_the_log_says_at_its_end_which_limit_files_were_left_out_for(works: Works) -> None:
    job_id = works.submit()
    agent, _, name = works.agent(artifacts=("large",), artifact_limits=ArtifactLimits(file_bytes=1))
    files = works.running(agent, job_id)
    workspace = Workspaces(works.folder / name / "work", images=False).folder(f"{job_id}-{files.folder.name}")
    workspace.mkdir(parents=True)
    (workspace / "large").write_bytes(b"xx")
    files.log.write_text("half a line")
    works.supervisors.end(files, ended(files))

    works.over(agent, job_id)

    assert works.attempt(job_id).log.read_text() == "half a line\n1 file was not kept: a file is larger than one may be (file_size).\n"


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

    await_true(lambda: (agent.run_once(), bool(preparer.seen))[1])
    for _ in range(3):
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
    works.clock.advance(2)

    agent.run_once()

    assert files.cancel.exists()


def test_a_cancel_is_heard_with_the_next_line_that_a_job_prints(works: Works) -> None:
    job_id = works.submit()
    agent, preparer, _ = works.agent()
    files = works.running(agent, job_id)
    transact(lambda: jobs.cancel_job(job_id, NOW))
    files.log.write_text("a line\n")

    preparer.shipper.ship(preparer.seen[0])

    assert files.cancel.exists()


def test_what_the_server_does_not_keep_is_left_out(works: Works) -> None:
    job_id = works.submit()
    agent, _, name = works.agent(artifacts=("*",), quota=3)
    files = works.running(agent, job_id)
    workspace = Workspaces(works.folder / name / "work", images=False).folder(f"{job_id}-{files.folder.name}")
    workspace.mkdir(parents=True)
    (workspace / "a").write_bytes(b"xx")
    (workspace / "b").write_bytes(b"yy")
    files.log.touch()
    works.supervisors.end(files, ended(files))

    works.over(agent, job_id)

    kept = read_collected(works.attempt(job_id))
    assert [each["name"] for each in kept["artifacts"]] == ["a"]
    assert (kept["left_out"], kept["limits_hit"]) == (1, ["quota"])
    assert "(quota)" in works.attempt(job_id).log.read_text()


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


def test_leases_are_renewed_by_a_clock_that_was_set_back(works: Works) -> None:
    agent, _, _ = works.agent()
    files = works.running(agent, works.submit())
    works.clock.advance(-3600)

    agent.run_once()

    assert files.lease_until() == works.clock() + timedelta(seconds=60)


def test_leases_are_renewed_as_often_as_the_server_asks(works: Works) -> None:
    agent, _, _ = works.agent()
    files = works.running(agent, works.submit())
    agent._repository.report_seconds = 8  # type: ignore[misc]
    agent.run_once()
    renewed = []
    for _ in range(6):
        before = files.lease_until()
        works.clock.advance(3)
        agent.run_once()
        renewed.append(files.lease_until() != before)

    # The machine also says every ten seconds how it is, which renews.
    assert renewed == [True, False, False, True, False, False]


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
