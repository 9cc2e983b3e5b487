"""Requests for baselines over HTTP where the baseline is not what it was any more, or the output is gone."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.builders import BASELINE, digest_of
from tests.handlers.baselines import GOT, Case
from tests.handlers.site import Client
from tests.platform_writes import delete_output, set_baseline


def request(case: Case, requester: Client) -> str:
    return f"/api/v1/baseline-approvals/{requester.post(case.path, json=case.body()).json()['approval_id']}"


def history(case: Case) -> str:
    return f"/api/v1/regression-tests/{case.test.regression_id}/outputs/{case.test.output_id}/baselines"


def replace_baseline(output_id: int) -> None:
    set_baseline(output_id, digest_of("another"))


@pytest.mark.parametrize("change", [replace_baseline, delete_output])
def test_what_can_never_be_approved_is_not_recorded(
    case: Case, requester: Client, admin: Client, change: Callable[[int], None],
) -> None:
    requester.get(f"/api/v1/runs/{case.run_id}")
    change(case.test.output_id)

    one = requester.post(case.path, json=case.body())
    several = requester.post(case.bulk_path, json={"requests": [case.body()]})

    for answer in (one, several):
        assert (answer.status_code, answer.json()["details"]["output_ids"]) == (409, [case.test.output_id])
    assert admin.get("/api/v1/baseline-approvals").json()["data"] == []


def test_the_same_request_after_its_approval_is_the_approval(case: Case, requester: Client, admin: Client) -> None:
    approved = admin.post(f"{request(case, requester)}/approve").json()

    one = requester.post(case.path, json=case.body())
    several = requester.post(case.bulk_path, json={"requests": [case.body()]})

    assert (one.status_code, one.json()) == (202, approved)
    assert (several.status_code, several.json()["data"]) == (202, [approved])


def test_an_approval_whose_baseline_was_replaced_since_is_no_answer(case: Case, requester: Client, admin: Client) -> None:
    approved = admin.post(f"{request(case, requester)}/approve").json()

    set_baseline(case.test.output_id, digest_of("another"))
    replaced = requester.post(case.path, json=case.body())
    set_baseline(case.test.output_id, BASELINE)
    back = requester.post(case.path, json=case.body())

    assert replaced.status_code == 409
    assert (back.status_code, back.json()["status"]) == (202, "pending_review")
    assert back.json()["approval_id"] != approved["approval_id"]


def test_another_request_for_what_is_the_baseline_by_now_is_refused(case: Case, requester: Client, admin: Client) -> None:
    admin.post(f"{request(case, requester)}/approve")

    answer = requester.post(case.path, json=case.body(apply_to_variants=True))

    assert answer.status_code == 409


def test_a_request_for_an_output_that_was_deleted_since_can_only_be_rejected(case: Case, requester: Client, admin: Client) -> None:
    path = request(case, requester)
    delete_output(case.test.output_id)

    refused, rejected = admin.post(f"{path}/approve"), admin.post(f"{path}/reject")

    assert (refused.status_code, refused.json()["details"]["output_id"]) == (409, case.test.output_id)
    assert "deleted" in refused.json()["message"]
    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")


def test_a_baselines_history_outlives_its_output(case: Case, requester: Client, admin: Client) -> None:
    admin.post(f"{request(case, requester)}/approve")
    delete_output(case.test.output_id)

    shown = admin.get(history(case)).json()

    assert [(each["hash_before"], each["hash_after"]) for each in shown["data"]] == [(BASELINE, GOT)]


def test_an_output_without_changes_has_an_empty_history_while_it_is_there(case: Case, admin: Client) -> None:
    there = admin.get(history(case))
    delete_output(case.test.output_id)
    gone = admin.get(history(case))

    assert (there.status_code, there.json()["data"], gone.status_code) == (200, [], 404)
