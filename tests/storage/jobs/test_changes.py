"""Which of many watched jobs have changed."""
from __future__ import annotations

import pytest

from api.domain.jobs.job import JobReason, JobStatus, outcome_of
from api.storage.database import session, transact
from api.storage.jobs.changes import load_changed_jobs
from api.storage.jobs.jobs import claim_job, finish_job, load_job
from api.storage.jobs.tables import JobRow
from tests.builders import add_user, minutes
from tests.databases import Database
from tests.submitted_jobs import add_job


@pytest.mark.parametrize("number", [1, 2, 3, 100])
def test_jobs_that_are_as_they_were_are_found_so_by_one_statement(database: Database, number: int) -> None:
    owner = add_user()
    known = {job_id: load_job(job_id) for job_id in [add_job(owner) for _ in range(number)]}

    with database.counted() as statements:
        changed = load_changed_jobs(known)

    assert changed == {}
    assert len(statements) == 1


def test_a_job_that_was_claimed_or_is_over_is_told_as_it_is_now_and_one_that_is_gone_as_none(database: Database) -> None:
    owner = add_user()
    claimed, over, gone, same = (add_job(owner, at=minutes(number)) for number in range(4))
    known = {job_id: load_job(job_id) for job_id in (claimed, over, gone, same)}
    for _ in range(2):
        transact(lambda: claim_job("agent", now=minutes(5), lease_until=minutes(6), per_owner=9))
    transact(lambda: finish_job(over, 1, outcome_of(JobReason.EXIT_CODE, 0), minutes(5)))
    transact(lambda: session().delete(session().get_one(JobRow, gone)))

    changed = load_changed_jobs(known)

    assert {job_id: job and job.status for job_id, job in changed.items()} == {
        claimed: JobStatus.RUNNING, over: JobStatus.COMPLETED, gone: None}


def test_there_are_few_statements_to_prepare_however_many_numbers_of_jobs_are_watched(database: Database) -> None:
    owner = add_user()
    jobs = [load_job(add_job(owner)) for _ in range(20)]

    with database.counted() as statements:
        for number in range(1, 21):
            load_changed_jobs({job.job_id: job for job in jobs[:number]})

    assert len(statements) == 20
    assert len(set(statements)) == 6
