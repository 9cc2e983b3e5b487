"""Cancelling, and what cancelling and retrying have in common: by whom, and of what."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from api.domain.auth.access import Role, Scope
from api.domain.runs.run import Phase
from api.storage.platform_tables import ProgressRow
from contract.client import ValidatingClient
from tests.builders import add_event, add_finished_run, add_passed_result, add_regression_test, add_run
from tests.handlers.runs.actions import RUNS, STAFF, act, status
from tests.handlers.site import Site


@pytest.mark.parametrize("phase", [None, Phase.PREPARATION, Phase.TESTING])
def test_a_run_that_is_not_over_is_canceled_with_the_name_and_the_reason(
        site: Site, tester: ValidatingClient, phase: Phase | None) -> None:
    run_id = add_run()
    if phase is not None:
        add_event(run_id, phase)

    answer = act(tester, run_id, "cancel", reason="superseded")

    events = tester.get(f"{RUNS}/{run_id}/progress").json()["data"]
    assert (answer.status_code, answer.json()) == (
        202, {"run_id": run_id, "action": "cancel", "status": "accepted", "message": "The run is canceled."})
    assert (events[-1]["status"], events[-1]["message"]) == ("canceled", "Canceled by tester via API: superseded")
    assert tester.get(f"{RUNS}/{run_id}").json()["run_errors"] == "no"


@pytest.mark.parametrize("words", ["no space left on device", "[storage] bucket gone", "merge conflict", "\0\U0001f9ff\n",
    "r" * 255, ""])
def test_a_persons_reason_is_never_an_infrastructure_error(site: Site, tester: ValidatingClient, words: str) -> None:
    run_id = add_run()

    answer = act(tester, run_id, "cancel", reason=words)

    assert answer.status_code == 202
    assert tester.get(f"{RUNS}/{run_id}/summary").json()["infrastructure_error_count"] == 0


@pytest.mark.parametrize("content", [{"content": b""}, {}, {"json": {}},
    {"content": b"", "headers": {"Content-Type": "application/json"}}])
@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_action_needs_no_body(site: Site, tester: ValidatingClient, action: str, content: dict[str, Any]) -> None:
    add_regression_test()

    assert tester.post(f"{RUNS}/{add_run()}/{action}", **content).status_code == 202


@pytest.mark.parametrize(("action", "body", "field"), [
    ("cancel", {"reason": "r" * 256}, "reason"), ("cancel", {"reason": None}, "reason"), ("cancel", {"force": True}, "force"),
    ("retry", {"failed_only": "true"}, "failed_only"), ("retry", {"failed_only": None}, "failed_only"),
    ("retry", {"reason": 5}, "reason")])
def test_malformed_actions_are_refused_by_name(
        site: Site, tester: ValidatingClient, action: str, body: dict[str, object], field: str) -> None:
    answer = act(tester, add_run(), action, **body)

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, [field])


@pytest.mark.parametrize("action", ["cancel", "retry"])
@pytest.mark.parametrize("role", STAFF)
def test_staff_act_on_any_run(site: Site, action: str, role: Role) -> None:
    add_regression_test()
    run_id = add_run(requester_id=site.account(Role.USER, "ada"))

    assert act(site.as_role(role), run_id, action).status_code == 202


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_others_act_on_their_own_runs_only(site: Site, action: str) -> None:
    add_regression_test()
    ada, eve = site.account(Role.USER, "ada", github_login="ada"), site.account(Role.USER, "eve", github_login="eve")
    run_id = add_run(requester_id=ada, repository="ada/ccextractor")

    refused, accepted = act(site.as_user(eve), run_id, action), act(site.as_user(ada), run_id, action)

    assert (refused.status_code, refused.json()["details"]["required_roles"]) == (403, ["admin", "contributor", "tester"])
    assert accepted.status_code == 202


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_run_that_is_not_there_is_not_found_whoever_asks(site: Site, action: str) -> None:
    assert {act(site.as_role(role), 4711, action).status_code for role in Role} == {404}


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_action_needs_its_scope(site: Site, action: str) -> None:
    assert act(site.as_role(Role.ADMIN, Scope.RUNS_READ), add_run(), action).status_code == 403


def test_cancelling_a_run_that_is_over_changes_nothing(site: Site, tester: ValidatingClient) -> None:
    run_id = add_finished_run(add_regression_test())
    before = [tester.get(f"{RUNS}/{run_id}{part}").json() for part in ("", "/summary", "/progress")]

    answer = act(tester, run_id, "cancel")

    assert (answer.status_code, answer.json()["status"]) == (202, "no_op")
    assert [tester.get(f"{RUNS}/{run_id}{part}").json() for part in ("", "/summary", "/progress")] == before


def test_a_second_cancel_is_no_error(site: Site, tester: ValidatingClient) -> None:
    run_id = add_run()

    answers = [act(tester, run_id, "cancel").json()["status"] for _ in range(2)]

    assert answers == ["accepted", "no_op"]


def test_of_many_cancels_at_once_one_counts(site: Site, tester: ValidatingClient) -> None:
    run_id = add_run()

    answers = site.together(*[lambda: act(tester, run_id, "cancel").json()["status"]] * 6)

    assert sorted(answers) == ["accepted", *["no_op"] * 5]
    assert site.rows(select(func.count()).select_from(ProgressRow))[0][0] == 1


def test_a_cancel_and_the_workers_end_at_once_leave_one_end(site: Site, tester: ValidatingClient) -> None:
    test = add_regression_test()
    for _ in range(10):
        run_id = add_run()
        add_event(run_id, Phase.TESTING)
        add_passed_result(run_id, test)
        path = site.worker_path(run_id)

        canceled, reported = site.together(
            lambda run_id=run_id: act(tester, run_id, "cancel").json()["status"],
            lambda path=path: site.client.post(path, data={"type": "progress", "status": "completed", "message": "Done"}).text)

        ends = site.rows(select(ProgressRow.status).where(ProgressRow.test_id == run_id,
            ProgressRow.status.in_(["completed", "canceled"])))
        assert (canceled, reported, status(tester, run_id), len(ends)) in [
            ("accepted", "FAIL", "canceled", 1), ("no_op", "OK", "pass", 1)]


def test_what_a_worker_says_of_a_canceled_run_counts_no_more(site: Site, tester: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_run()
    act(tester, run_id, "cancel")

    answers = [
        site.report(run_id, type="finish", test_id=test.regression_id, exitCode=0, runTime=5),
        site.report(run_id, type="progress", status="completed", message="Done")]

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "FAIL")] * 2
    assert tester.get(f"{RUNS}/{run_id}/summary").json()["skipped_count"] == 1
