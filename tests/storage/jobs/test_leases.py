"""Jobs are claimed, renewed, given up and finished; each by one statement that only its holder gets through."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete

from api.domain.jobs.job import MAX_CLAIMS, Job, JobReason, JobStatus, RepeatReason, outcome_of
from api.domain.runs.machine import JobClaim
from api.storage.database import change, session, transact
from api.storage.jobs import jobs
from api.storage.jobs.tables import JobRow
from tests.builders import NOW, add_user, minutes
from tests.databases import Database

pytestmark = pytest.mark.usefixtures("database")

LEASE = NOW + timedelta(minutes=1)
DONE = outcome_of(JobReason.EXIT_CODE, 0)


def submit(owner: int | None = None, *, at: float = 0, priority: int = 0, max_attempts: int = 1) -> str:
    job_id = str(uuid4())
    owner = owner or add_user()
    session().commit()
    transact(lambda: jobs.submit_job(Job(job_id, owner, JobStatus.QUEUED, minutes(at), priority, max_attempts=max_attempts)))
    return job_id


def claim(agent: str = "one", *, per_owner: int = 10) -> Job | None:
    return transact(lambda: jobs.claim_job(agent, now=NOW, lease_until=LEASE, per_owner=per_owner))


def claimed(agent: str = "one") -> Job:
    job = claim(agent)
    assert job is not None
    return job


def now_of(job: Job) -> Job:
    session().rollback()
    return jobs.load_job(job.job_id)


def test_an_empty_queue_has_nothing_to_claim() -> None:
    assert (jobs.is_any_waiting(), claim()) == (False, None)


def test_a_job_is_claimed_once() -> None:
    job_id = submit()
    waiting = jobs.is_any_waiting()
    session().rollback()

    first, second = claim(), claim()

    assert waiting and first is not None and second is None
    assert (first.job_id, first.status, first.attempt, first.fence, first.start_time) == (job_id, JobStatus.RUNNING, 1, 1, NOW)


def test_agents_that_claim_together_get_different_jobs(database: Database) -> None:
    owner = add_user()
    wanted = {submit(owner, at=number) for number in range(4)}

    found = database.together(*(lambda number=number: [claim(str(number)) for _ in range(4)] for number in range(4)))

    got = [job.job_id for each in found for job in each if job is not None]
    rest = iter(claim, None)
    assert sorted([*got, *(job.job_id for job in rest)]) == sorted(wanted)


def test_an_owner_runs_no_more_than_is_allowed() -> None:
    busy, other = add_user(), add_user()
    submit(busy), submit(busy, at=1), submit(busy, at=2)
    last = submit(other, at=3)

    got = [claim(per_owner=1) for _ in range(3)]

    assert got[0] is not None and got[1] is not None and got[2] is None
    assert got[1].job_id == last


def test_the_next_job_has_the_highest_priority_then_an_owner_with_fewer_running_then_the_greatest_age() -> None:
    busy, idle = add_user(), add_user()
    first, old_of_busy = submit(busy), submit(busy, at=1)
    young, older, urgent = submit(idle, at=3), submit(idle, at=2), submit(busy, at=9, priority=1)

    order = [claimed().job_id for _ in range(5)]

    assert order == [urgent, older, first, young, old_of_busy]


def test_leases_are_renewed_together_and_a_lost_one_is_missing() -> None:
    submit(), submit(), submit()
    mine, lost, others = claimed(), claimed(), claimed("two")
    transact(lambda: jobs.give_up_job(lost, NOW, began=True))
    transact(lambda: jobs.cancel_job(mine.job_id, NOW))

    found = transact(lambda: jobs.renew_leases("one", {each.job_id: each.fence for each in (mine, lost, others)}, minutes(9)))

    assert set(found) == {mine.job_id}
    assert found[mine.job_id].cancel_requested
    assert [job.job_id for job in jobs.list_expired(minutes(5))] == [others.job_id]


def test_without_jobs_there_is_nothing_to_renew() -> None:
    assert transact(lambda: jobs.renew_leases("one", {}, NOW)) == {}


def test_an_older_fence_renews_nothing() -> None:
    submit()
    job = claimed()

    assert transact(lambda: jobs.renew_leases("one", {job.job_id: job.fence - 1}, minutes(9))) == {}


def test_a_claim_is_found_by_its_machine_while_that_has_it() -> None:
    submit()
    job = claimed()

    found = [jobs.find_claimed(JobClaim(job.job_id, fence), name) for fence, name in ((1, "one"), (1, "two"), (2, "one"))]
    transact(lambda: jobs.finish_job(job.job_id, job.fence, DONE, NOW))
    session().rollback()

    assert [each is not None for each in found] == [True, False, False]
    assert jobs.find_claimed(JobClaim(job.job_id, 1), "one") is None


def test_the_next_job_waits_for_as_long_as_it_was_not_claimed() -> None:
    nothing = jobs.waiting_since(9)
    submit(at=2), submit(at=1)

    waiting = jobs.waiting_since(9)
    session().rollback()
    claimed()

    assert (nothing, waiting, jobs.waiting_since(9)) == (None, minutes(1), minutes(2))


def test_a_result_is_taken_once_and_only_from_who_holds_the_job() -> None:
    submit()
    job = claimed()

    taken = [transact(lambda fence=fence: jobs.finish_job(job.job_id, fence, DONE, minutes(1)))  # type: ignore[misc]
             for fence in (job.fence + 1, job.fence, job.fence)]

    assert taken == [False, True, False]
    assert (now_of(job).status, now_of(job).success, now_of(job).end_time) == (JobStatus.COMPLETED, True, minutes(1))


def test_after_a_job_was_given_up_its_holder_reports_nothing_any_more() -> None:
    submit(max_attempts=2)
    job = claimed()
    given_up = transact(lambda: jobs.give_up_job(job, NOW, began=True))
    again = claimed("two")

    refused = transact(lambda: jobs.finish_job(job.job_id, job.fence, DONE, NOW))
    late = transact(lambda: jobs.give_up_job(job, NOW, began=True))

    assert (given_up, refused, late) == (True, False, False)
    assert (again.attempt, now_of(job).status, again.repeat_reason) == (2, JobStatus.RUNNING, RepeatReason.LOST)
    assert again.attempt_folder != job.attempt_folder


def test_a_users_job_that_was_running_is_lost() -> None:
    submit()
    job = claimed()

    transact(lambda: jobs.give_up_job(job, minutes(2), began=True))

    assert (now_of(job).status, now_of(job).reason, now_of(job).end_time) == (JobStatus.FAILED, JobReason.LOST, minutes(2))


def test_a_job_of_which_nothing_was_run_waits_again_but_not_for_ever() -> None:
    submit()
    seen, reasons = [], list[RepeatReason | None]()
    while (job := claim()) is not None:
        transact(lambda job=job: jobs.give_up_job(job, NOW, began=False))  # type: ignore[misc]
        seen.append(now_of(job).status)
        reasons.append(job.repeat_reason)

    assert reasons == [None] + [RepeatReason.NOT_STARTED] * (MAX_CLAIMS - 1)
    assert seen == [JobStatus.QUEUED] * (MAX_CLAIMS - 1) + [JobStatus.FAILED]


def test_a_job_that_is_put_back_waits_as_if_it_had_never_been_claimed() -> None:
    job_id = submit()
    before = jobs.load_job(job_id)
    session().rollback()
    job = claimed()

    put_back = [transact(lambda: jobs.put_back(job, NOW)) for _ in range(2)]

    assert put_back == [True, False]
    assert replace(now_of(job), fence=0, attempt_fence=0) == before


def test_a_job_that_is_to_be_cancelled_is_not_put_back_but_ended() -> None:
    submit()
    job = claimed()
    transact(lambda: jobs.cancel_job(job.job_id, NOW))

    transact(lambda: jobs.put_back(job, NOW))

    assert now_of(job).status is JobStatus.CANCELLED


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled() -> None:
    submit(max_attempts=3)
    job = claimed()
    transact(lambda: jobs.cancel_job(job.job_id, NOW))

    transact(lambda: jobs.give_up_job(job, NOW, began=True))

    assert now_of(job).status is JobStatus.CANCELLED


def test_a_job_that_went_with_its_account_is_held_by_nobody_any_more() -> None:
    submit()
    job = claimed()
    transact(lambda: change(delete(JobRow).where(JobRow.id == job.job_id)))

    given_up = transact(lambda: jobs.give_up_job(job, NOW, began=True))
    put_back = transact(lambda: jobs.put_back(job, NOW))

    assert (given_up, put_back) == (False, False)
