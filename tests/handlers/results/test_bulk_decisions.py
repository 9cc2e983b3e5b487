"""Decisions about many requests for new baselines over HTTP, and approvals that are taken back."""
from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from tests.builders import BASELINE, add_regression_test
from tests.handlers.baselines import GOT, Case, baseline_of, failed_run, store_output
from tests.handlers.site import Client, Site

APPROVALS = "/api/v1/baseline-approvals"


def seen(approvals: list[dict[str, Any]]) -> dict[str, Any]:
    """What a decision about these is bound to, made as the document describes it."""
    ordered = sorted(approvals, key=lambda each: int(each["output_id"]))
    lines = [f"{each['output_id']} {each['expected_hash']} {each['actual_hash']}\n" for each in ordered]
    return {
        "approval_ids": [each["approval_id"] for each in approvals], "expected_count": len(approvals),
        "digest": sha256("".join(lines).encode()).hexdigest()}


@pytest.fixture
def waiting(site: Site, requester: Client) -> list[dict[str, Any]]:
    """Requests for three outputs of a run."""
    store_output(site)
    store_output(site, "baseline")
    tests = [add_regression_test() for _ in range(3)]
    run_id = failed_run(*tests)
    body = {"requests": [Case(run_id, test).body() for test in tests]}
    found: list[dict[str, Any]] = requester.post(f"/api/v1/runs/{run_id}/baseline-approvals", json=body).json()["data"]
    return found


def baselines_of(site: Site, approvals: list[dict[str, Any]]) -> set[str]:
    return {baseline_of(site, each["output_id"]) for each in approvals}


def test_what_was_looked_at_is_approved_in_one_request(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    answer = admin.post(f"{APPROVALS}/approve", json=seen(waiting) | {"reason": "Compared by eye."})

    assert answer.status_code == 200
    assert [(each["approval_id"], each["status"], each["decision_reason"]) for each in answer.json()["data"]] == [
        (each["approval_id"], "approved", "Compared by eye.") for each in waiting]
    assert baselines_of(site, waiting) == {GOT}


def test_what_was_looked_at_is_rejected_in_one_request(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    answer = admin.post(f"{APPROVALS}/reject", json=seen(waiting))

    assert [each["status"] for each in answer.json()["data"]] == ["rejected"] * 3
    assert baselines_of(site, waiting) == {BASELINE}


def test_what_was_approved_is_taken_back_in_one_request(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    admin.post(f"{APPROVALS}/approve", json=seen(waiting))

    answer = admin.post(f"{APPROVALS}/revert", json=seen(waiting))

    assert [each["reverts_id"] for each in answer.json()["data"]] == [each["approval_id"] for each in waiting]
    assert baselines_of(site, waiting) == {BASELINE}


def test_one_approval_is_taken_back_and_both_tell_of_it(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    path = f"{APPROVALS}/{waiting[0]['approval_id']}"
    admin.post(f"{path}/approve")

    inverse = admin.post(f"{path}/revert", json={"reason": "The old one was right."}).json()

    assert (inverse["reverts_id"], inverse["expected_hash"], inverse["actual_hash"]) == (waiting[0]["approval_id"], GOT, BASELINE)
    assert admin.get(path).json()["reversal_id"] == inverse["approval_id"]
    assert baselines_of(site, waiting) == {BASELINE}


def test_only_an_approval_is_taken_back(admin: Client, waiting: list[dict[str, Any]]) -> None:
    answer = admin.post(f"{APPROVALS}/{waiting[0]['approval_id']}/revert")

    assert (answer.status_code, answer.json()["details"]["status"]) == (409, "pending_review")


def test_who_comes_second_learns_what_became_of_each(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    admin.post(f"{APPROVALS}/{waiting[0]['approval_id']}/reject")
    other = site.as_user(site.account(Role.ADMIN, "grace"))

    answer = other.post(f"{APPROVALS}/approve", json=seen(waiting))

    details = answer.json()["details"]
    assert (answer.status_code, details["count"], details["expected_count"]) == (409, 2, 3)
    assert [(each["approval_id"], each["status"], each["decided_by"]) for each in details["changed"]] == [
        (waiting[0]["approval_id"], "rejected", "admin@example.test")]
    assert baselines_of(site, waiting) == {BASELINE}


@pytest.mark.parametrize("change", [{"expected_count": 2}, {"digest": "0" * 64}])
def test_a_decision_about_something_else_than_what_there_is_is_refused(
    site: Site, admin: Client, waiting: list[dict[str, Any]], change: dict[str, Any],
) -> None:
    answer = admin.post(f"{APPROVALS}/approve", json=seen(waiting) | change)

    assert (answer.status_code, answer.json()["details"]["digest"]) == (409, seen(waiting)["digest"])
    assert baselines_of(site, waiting) == {BASELINE}


def test_a_decision_that_is_not_bound_to_anything_is_invalid(admin: Client, waiting: list[dict[str, Any]]) -> None:
    body = seen(waiting)

    statuses = [admin.post(f"{APPROVALS}/approve", json={each: body[each] for each in body if each != name}).status_code for name in body]

    assert statuses == [400, 400, 400]


def test_a_request_that_is_named_twice_is_one(admin: Client, waiting: list[dict[str, Any]]) -> None:
    body = seen(waiting)

    answer = admin.post(f"{APPROVALS}/approve", json=body | {"approval_ids": body["approval_ids"] * 2})

    assert len(answer.json()["data"]) == 3


def test_a_request_that_there_is_not_is_not_found(admin: Client, waiting: list[dict[str, Any]]) -> None:
    answer = admin.post(f"{APPROVALS}/approve", json=seen(waiting) | {"approval_ids": ["4711"]})

    assert (answer.status_code, answer.json()["details"]["id"]) == (404, 4711)


@pytest.mark.parametrize("decision", ["approve", "reject", "revert"])
@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.TESTER, Role.USER])
def test_only_an_admin_decides_about_several(
    site: Site, waiting: list[dict[str, Any]], role: Role, decision: str,
) -> None:
    answers = [
        site.as_role(role).post(f"{APPROVALS}/{decision}", json=seen(waiting)),
        site.as_role(role).post(f"{APPROVALS}/{waiting[0]['approval_id']}/{decision}")]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_an_admin_may_not_decide_about_requests_of_their_own_among_others(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    test = add_regression_test()
    case = Case(failed_run(test), test)
    own = admin.post(case.path, json=case.body()).json()

    answer = admin.post(f"{APPROVALS}/approve", json=seen([*waiting, own]))

    assert (answer.status_code, answer.json()["details"]["approval_ids"]) == (403, [own["approval_id"]])
    assert baselines_of(site, waiting) == {BASELINE}


def test_where_a_file_is_gone_nothing_is_approved(site: Site, admin: Client, waiting: list[dict[str, Any]]) -> None:
    (site.files / "TestResults" / f"{GOT}.srt").unlink()

    answer = admin.post(f"{APPROVALS}/approve", json=seen(waiting))

    assert (answer.status_code, answer.json()["details"]["output_ids"]) == (422, [each["output_id"] for each in waiting])


def test_a_run_is_judged_by_the_baseline_of_its_time_whatever_is_taken_back(
    site: Site, admin: Client, waiting: list[dict[str, Any]],
) -> None:
    admin.post(f"{APPROVALS}/approve", json=seen(waiting))
    admin.post(f"{APPROVALS}/revert", json=seen(waiting))

    assert admin.get(f"/api/v1/runs/{waiting[0]['run_id']}").json()["status"] == "fail"
