"""Cancelling and retrying a run."""
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.auth.access import STAFF, Role
from api.domain.errors import Forbidden, Unprocessable
from api.domain.results.result import JudgedTest, TestReports, Verdict
from api.domain.runs.cancel import ActionStatus, authorize_action, cancel
from api.domain.runs.retry import RETRIED, RetryPlan, plan_retry, request_like
from api.domain.runs.run import Platform, Requester, Run, RunStatus
from tests.domain.results.judging import caller, expected_test

START = datetime(2026, 1, 1, tzinfo=UTC)


def run_of(requester: Requester | None, status: RunStatus = RunStatus.RUNNING) -> Run:
    return Run(3, status, Platform.LINUX, "o/r", None, "c" * 40, None, START, None, requester=requester)


def with_verdict(regression_id: int, verdict: Verdict) -> JudgedTest:
    return JudgedTest(expected_test(regression_id), TestReports(), verdict)


@given(st.sampled_from(Role), st.integers(1, 3), st.none() | st.integers(1, 3))
def test_staff_and_who_triggered_a_run_may_act_on_it_and_nobody_else(role: Role, user_id: int, requester_id: int | None) -> None:
    run = run_of(None if requester_id is None else Requester(requester_id, "somebody"))
    person = caller(role, user_id=user_id)

    if role in STAFF or user_id == requester_id:
        authorize_action(person, run)
    else:
        with pytest.raises(Forbidden) as refused:
            authorize_action(person, run)
        assert refused.value.details == {"required_roles": ["admin", "contributor", "tester"], "role": "user"}


@pytest.mark.parametrize(("reason", "words"), [
    (None, "Canceled by user1 via API"), ("", "Canceled by user1 via API"), ("wrong commit", "Canceled by user1 via API: wrong commit")])
def test_the_progress_of_a_cancelled_run_tells_by_whom_and_why(reason: str | None, words: str) -> None:
    outcome = cancel(run_of(None), caller(), reason)

    assert (outcome.run_id, outcome.status, outcome.event_message) == (3, ActionStatus.ACCEPTED, words)


@given(st.sampled_from(RunStatus))
def test_cancelling_a_run_that_is_over_writes_nothing(status: RunStatus) -> None:
    outcome = cancel(run_of(None, status), caller(), "again")

    assert (outcome.event_message is None) is (outcome.status is ActionStatus.NO_OP) is status.is_finished


def test_a_stranger_is_refused_even_where_there_is_nothing_to_do() -> None:
    with pytest.raises(Forbidden):
        cancel(run_of(None, RunStatus.PASS), caller(Role.USER), None)


@given(st.dictionaries(st.integers(1, 40), st.sampled_from(Verdict), max_size=12), st.sets(st.integers(1, 40)), st.booleans())
def test_a_retry_is_of_active_tests_of_the_source_alone(verdicts: dict[int, Verdict], active: set[int], failed_only: bool) -> None:
    judged = [with_verdict(*each) for each in verdicts.items()]
    wanted = {number for number, verdict in verdicts.items() if not failed_only or verdict in RETRIED}

    if not wanted & active:
        with pytest.raises(Unprocessable) as refused:
            plan_retry(judged, active, failed_only=failed_only)
        assert refused.value.details == {"inactive_ids": sorted(wanted), "failed_only": failed_only}
        return
    plan = plan_retry(judged, active, failed_only=failed_only)

    assert plan.regression_ids == tuple(sorted(wanted & active))
    assert plan.dropped_ids == tuple(sorted(wanted - active))


def test_a_refused_retry_names_a_bounded_number_of_tests() -> None:
    with pytest.raises(Unprocessable) as refused:
        plan_retry([with_verdict(number, Verdict.FAIL) for number in range(1, 900)], (), failed_only=True)

    assert refused.value.details["inactive_ids"] == list(range(1, 501))


@pytest.mark.parametrize(("dropped", "ending"), [
    ((), "is queued."), ((8, 9), "Left out, no longer active: 8, 9."),
    (tuple(range(20)), ", 18, 19."), (tuple(range(23)), ", 19 and 3 more.")])
def test_a_retry_tells_what_it_leaves_out(dropped: tuple[int, ...], ending: str) -> None:
    message = RetryPlan((1, 2), dropped).message

    assert message.startswith("A new run of 2 regression tests is queued.")
    assert message.endswith(ending)


def test_what_was_asked_for_with_a_run_can_be_asked_for_again() -> None:
    request = request_like(run_of(Requester(2, "ada"))._replace(branch="b", pull_request=7, environment_id="linux", parent_sha="d" * 40))

    assert (request.repository, request.commit_sha, request.platform) == ("o/r", "c" * 40, Platform.LINUX)
    assert (request.branch, request.pull_request, request.environment_id, request.parent_sha) == ("b", 7, "linux", "d" * 40)


@pytest.mark.parametrize(("changes", "named"), [
    ({"commit": ""}, ["commit_sha"]), ({"repository": "no repository"}, ["repository"]), ({"altered": ("platform",)}, ["platform"])])
def test_a_run_of_which_nobody_can_tell_what_it_executed_is_not_asked_for_again(changes: dict[str, object], named: list[str]) -> None:
    with pytest.raises(Unprocessable) as refused:
        request_like(run_of(None)._replace(**changes))

    assert refused.value.details == {"altered_fields": named}
