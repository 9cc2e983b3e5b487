"""Jobs: who goes next, what an end means, what a cancel does, who sees them."""
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.access import Caller, Role
from api.domain.errors import NotFound, TooMany
from api.domain.jobs.job import (
    MAX_CLAIMS,
    Cancel,
    Job,
    JobLogNotFound,
    JobOutcome,
    JobReason,
    JobStatus,
    QuotaExceeded,
    after_loss,
    check_quota,
    check_waiting,
    decide_cancel,
    end_message,
    outcome_of,
    visible,
)
from tests.domain.results.judging import caller

START = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job("j1", 1, JobStatus.QUEUED, START)


@pytest.mark.parametrize(("reason", "exit_code", "outcome"), [
    (JobReason.EXIT_CODE, 0, JobOutcome(JobStatus.COMPLETED, True, JobReason.EXIT_CODE, 0)),
    (JobReason.EXIT_CODE, 1, JobOutcome(JobStatus.COMPLETED, False, JobReason.EXIT_CODE, 1)),
    (JobReason.EXIT_CODE, None, JobOutcome(JobStatus.COMPLETED, False, JobReason.EXIT_CODE)),
    (JobReason.CANCELLED, None, JobOutcome(JobStatus.CANCELLED, False, JobReason.CANCELLED)),
    (JobReason.TIMEOUT, 0, JobOutcome(JobStatus.FAILED, False, JobReason.TIMEOUT, 0)),
])
def test_a_job_succeeds_only_by_exit_code_0_at_its_own_end(reason: JobReason, exit_code: int | None, outcome: JobOutcome) -> None:
    assert outcome_of(reason, exit_code) == outcome


@given(st.sampled_from(JobReason), st.integers(-255, 255))
def test_every_end_is_over_and_has_words_of_one_line(reason: JobReason, exit_code: int) -> None:
    words = end_message(reason, exit_code)

    assert outcome_of(reason, exit_code).status.is_finished
    assert words.endswith(".") and "\n" not in words and "{" not in words
    assert (str(exit_code) in words) is (reason is JobReason.EXIT_CODE)


@pytest.mark.parametrize(("status", "decision"), [
    (JobStatus.QUEUED, Cancel.AT_ONCE), (JobStatus.RUNNING, Cancel.ASKED), (JobStatus.COMPLETED, Cancel.NOTHING),
    (JobStatus.FAILED, Cancel.NOTHING), (JobStatus.CANCELLED, Cancel.NOTHING)])
def test_a_cancel_does_what_can_still_be_done(status: JobStatus, decision: Cancel) -> None:
    assert decide_cancel(replace(JOB, status=status)) is decision


@given(st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_a_lost_attempt_is_made_up_for_until_there_were_enough(attempt: int, most: int, cancelled: bool) -> None:
    outcome = after_loss(replace(JOB, attempt=attempt, max_attempts=most, cancel_requested=cancelled))

    if cancelled:
        assert outcome == JobOutcome(JobStatus.CANCELLED, False, JobReason.CANCELLED)
    elif attempt < most:
        assert outcome is None
    else:
        assert outcome == JobOutcome(JobStatus.FAILED, False, JobReason.LOST)


def test_a_job_has_no_folder_before_its_first_attempt() -> None:
    assert JOB.attempt_folder is None
    assert replace(JOB, attempt=2, attempt_fence=5).attempt_folder == "2-5"


@pytest.mark.parametrize("person", [caller(Role.ADMIN, user_id=9), caller(Role.USER, user_id=1)])
def test_a_job_is_seen_by_its_owner_and_admins(person: Caller) -> None:
    assert visible(JOB, person) is JOB


def test_a_stranger_is_told_the_same_of_a_job_that_exists_as_of_none() -> None:
    with pytest.raises(NotFound) as refused:
        visible(JOB, caller(Role.TESTER, user_id=2))

    assert refused.value.message == "Job not found."


def test_a_log_that_was_removed_is_named_by_its_job() -> None:
    refused = JobLogNotFound("j1")

    assert refused.code == "log_not_found"
    assert refused.details == {"job_id": "j1", "checked": ["local"]}


@given(attempt=st.integers(1, 10), most=st.integers(1, 10))
def test_an_attempt_of_which_nothing_was_run_is_no_try_but_not_for_ever(attempt: int, most: int) -> None:
    outcome = after_loss(replace(JOB, attempt=attempt, max_attempts=most), began=False)

    assert (outcome is None) == (attempt < max(most, MAX_CLAIMS))


@pytest.mark.parametrize("waiting", [3, 4])
def test_an_account_of_which_enough_jobs_wait_waits_as_well(waiting: int) -> None:
    check_waiting(2, 3)

    with pytest.raises(TooMany) as refused:
        check_waiting(waiting, 3)

    assert (refused.value.code, refused.value.details) == ("rate_limited", {"limit": 3, "retry_after": 60})


def test_files_of_jobs_may_take_the_whole_quota_and_no_byte_more() -> None:
    check_quota(60, 40, 100)

    with pytest.raises(QuotaExceeded) as refused:
        check_quota(60, 41, 100)

    assert refused.value.details == {"rule": "quota", "kept_bytes": 60, "limit": 100}
