"""Baselines over HTTP: requested, reviewed, in force for later runs."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from tests.builders import BASELINE, Output, add_event, add_output, add_regression_test, add_result, add_run, add_sample, digest_of
from tests.handlers.baselines import GOT, REASON, Case, baseline_of, failed_run, store_output
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Client, Site


def test_a_request_is_recorded_and_changes_nothing_yet(site: Site, case: Case, requester: Client) -> None:
    answer = requester.post(case.path, json=case.body())

    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["status"], shown["expected_hash"], shown["actual_hash"]) == ("pending_review", BASELINE, GOT)
    assert shown["requested_by"] == "contributor@example.test"
    assert baseline_of(site, case.test.output_id) == BASELINE


def test_the_same_request_again_is_the_same_approval(case: Case, requester: Client) -> None:
    first = requester.post(case.path, json=case.body()).json()

    again = requester.post(case.path, json=case.body()).json()

    assert again == first


def test_many_equal_requests_at_once_are_one(site: Site, case: Case, requester: Client) -> None:
    answers = site.together(*[lambda: requester.post(case.path, json=case.body())] * 6)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["approval_id"] for answer in answers}) == 1


@pytest.mark.parametrize("reason", ["aaaaaaaaaaaaaa", "..............", "test test test", "please approve this", "Lorem ipsum baseline"])
def test_a_reason_that_says_nothing_is_refused(case: Case, requester: Client, reason: str) -> None:
    answer = requester.post(case.path, json=case.body(reason=reason))

    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "reason")


def test_an_output_that_matches_cannot_be_approved(requester: Client) -> None:
    test = add_regression_test()
    run_id = failed_run(test, got=BASELINE)

    answer = requester.post(Case(run_id, test).path, json=Case(run_id, test).body())

    assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")


def test_an_output_that_was_not_produced_cannot_be_approved(requester: Client) -> None:
    test = add_regression_test()
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    add_result(run_id, test.regression_id)

    answer = requester.post(Case(run_id, test).path, json=Case(run_id, test).body())

    assert answer.status_code == 422


def test_an_output_whose_file_is_gone_cannot_be_approved(site: Site, case: Case, requester: Client) -> None:
    (site.files / "TestResults" / f"{GOT}.srt").unlink()

    answer = requester.post(case.path, json=case.body())

    assert (answer.status_code, answer.json()["details"]["output_ids"]) == (422, [case.test.output_id])


def test_sample_test_and_output_must_belong_together(case: Case, requester: Client) -> None:
    other = add_regression_test()

    wrong_test = requester.post(case.path, json=case.body(regression_id=other.regression_id))
    wrong_output = requester.post(case.path, json=case.body(output_id=other.output_id))

    assert (wrong_test.status_code, wrong_output.status_code) == (404, 404)


def test_an_admin_approves_and_the_baseline_is_another(site: Site, case: Case, requester: Client, admin: Client) -> None:
    approval_id = requester.post(case.path, json=case.body()).json()["approval_id"]

    decided = admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve", json={"reason": "Compared by eye."}).json()

    assert (decided["status"], decided["decided_by"], decided["decision_reason"]) == (
        "approved", "admin@example.test", "Compared by eye.")
    assert baseline_of(site, case.test.output_id) == GOT


def test_an_approval_counts_for_later_runs_and_leaves_earlier_verdicts(case: Case, requester: Client, admin: Client) -> None:
    approval_id = requester.post(case.path, json=case.body()).json()["approval_id"]
    admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve")
    later = failed_run(case.test, expected=GOT)

    assert admin.get(f"/api/v1/runs/{case.run_id}").json()["status"] == "fail"
    assert admin.get(f"/api/v1/runs/{later}").json()["status"] == "pass"


def test_a_rejected_request_changes_nothing(site: Site, case: Case, requester: Client, admin: Client) -> None:
    approval_id = requester.post(case.path, json=case.body()).json()["approval_id"]

    decided = admin.post(f"/api/v1/baseline-approvals/{approval_id}/reject", json={}).json()

    assert decided["status"] == "rejected"
    assert baseline_of(site, case.test.output_id) == BASELINE


def test_a_decision_is_repeated_without_harm_and_never_turned_around(case: Case, requester: Client, admin: Client) -> None:
    path = f"/api/v1/baseline-approvals/{requester.post(case.path, json=case.body()).json()['approval_id']}"

    first, again = admin.post(f"{path}/approve").json(), admin.post(f"{path}/approve").json()
    turned = admin.post(f"{path}/reject")

    assert first == again
    assert (turned.status_code, turned.json()["code"]) == (409, "conflict")


def test_an_admin_may_not_decide_about_a_request_of_their_own(case: Case, admin: Client) -> None:
    approval_id = admin.post(case.path, json=case.body()).json()["approval_id"]

    answer = admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve")

    assert answer.status_code == 403


def test_an_installation_of_one_person_may_allow_that(make_site: MakeSite) -> None:
    site = make_site(allow_self_approval=True)
    store_output(site)
    test = add_regression_test()
    case, admin = Case(failed_run(test), test), site.as_role(Role.ADMIN)
    approval_id = admin.post(case.path, json=case.body()).json()["approval_id"]

    assert admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve").json()["status"] == "approved"


@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.TESTER, Role.USER])
def test_only_an_admin_decides(site: Site, case: Case, requester: Client, role: Role) -> None:
    approval_id = requester.post(case.path, json=case.body()).json()["approval_id"]

    answer = site.as_role(role).post(f"/api/v1/baseline-approvals/{approval_id}/approve")

    assert answer.status_code == 403


def test_of_two_requests_for_one_output_the_second_finds_another_baseline(site: Site, requester: Client, admin: Client) -> None:
    test, other = add_regression_test(), digest_of("something else")
    store_output(site)
    store_output(site, "something else")
    first, second = Case(failed_run(test), test), Case(failed_run(test, got=other), test)
    ids = [requester.post(case.path, json=case.body()).json()["approval_id"] for case in (first, second)]

    answers = [admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve") for approval_id in ids]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert baseline_of(site, test.output_id) == GOT


def test_two_admins_who_decide_at_once_agree_in_the_end(site: Site, case: Case, requester: Client) -> None:
    path = f"/api/v1/baseline-approvals/{requester.post(case.path, json=case.body()).json()['approval_id']}"
    one, two = (site.as_user(site.account(Role.ADMIN, name)) for name in ("ada", "grace"))

    answers = site.together(lambda: one.post(f"{path}/approve"), lambda: two.post(f"{path}/reject"))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert baseline_of(site, case.test.output_id) == (GOT if answers[0].status_code == 200 else BASELINE)


def test_variants_of_the_sample_with_the_same_baseline_and_extension_follow(site: Site, requester: Client, admin: Client) -> None:
    store_output(site)
    sample_id = add_sample()
    test, variant = add_regression_test(sample_id=sample_id), add_regression_test(sample_id=sample_id)
    other_baseline = add_regression_test(sample_id=sample_id, outputs=[Output(baseline=digest_of("own"))])
    other_extension = add_regression_test(sample_id=sample_id, outputs=[Output(extension=".vtt")])
    other_sample = add_regression_test()
    case = Case(failed_run(test), test)
    approval_id = requester.post(case.path, json=case.body(apply_to_variants=True)).json()["approval_id"]

    admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve")

    tests = (test, variant, other_baseline, other_extension, other_sample)
    assert [baseline_of(site, each.output_id) for each in tests] == [GOT, GOT, digest_of("own"), BASELINE, BASELINE]


def test_a_baselines_history_says_what_it_was_and_why_it_changed(case: Case, requester: Client, admin: Client) -> None:
    approval_id = requester.post(case.path, json=case.body()).json()["approval_id"]
    admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve")
    path = f"/api/v1/regression-tests/{case.test.regression_id}/outputs/{case.test.output_id}/baselines"

    history = admin.get(path).json()

    assert [(each["hash_before"], each["hash_after"], each["approval"]["reason"]) for each in history["data"]] == [(BASELINE, GOT, REASON)]


def test_the_history_of_an_output_of_another_test_is_not_found(case: Case, admin: Client) -> None:
    other = add_regression_test()

    answer = admin.get(f"/api/v1/regression-tests/{other.regression_id}/outputs/{case.test.output_id}/baselines")

    assert answer.status_code == 404


def test_requests_are_listed_newest_first_by_status_and_run(site: Site, requester: Client, admin: Client) -> None:
    store_output(site)
    tests = [add_regression_test() for _ in range(3)]
    cases = [Case(failed_run(test), test) for test in tests]
    ids = [requester.post(case.path, json=case.body()).json()["approval_id"] for case in cases]
    admin.post(f"/api/v1/baseline-approvals/{ids[0]}/approve")

    def listed(**parameters: Any) -> list[str]:
        page = admin.get("/api/v1/baseline-approvals", params=parameters).json()
        assert page["pagination"]["total"] >= len(page["data"])
        return [each["approval_id"] for each in page["data"]]

    assert listed() == ids[::-1]
    assert listed(status="pending_review") == [ids[2], ids[1]]
    assert listed(run_id=cases[1].run_id) == [ids[1]]
    assert listed(limit=1, offset=1) == [ids[1]]
    assert admin.get(f"/api/v1/baseline-approvals/{ids[0]}").json()["status"] == "approved"
    assert admin.get("/api/v1/baseline-approvals/4711").status_code == 404


def test_several_outputs_are_requested_at_once(site: Site, requester: Client) -> None:
    store_output(site)
    tests = [add_regression_test() for _ in range(3)]
    run_id = failed_run(*tests)

    answer = requester.post(
        f"/api/v1/runs/{run_id}/baseline-approvals", json={"requests": [Case(run_id, test).body() for test in tests]})

    assert answer.status_code == 202
    assert [each["output_id"] for each in answer.json()["data"]] == [test.output_id for test in tests]


def test_of_several_requests_all_are_recorded_or_none(site: Site, requester: Client) -> None:
    store_output(site)
    test, missing = add_regression_test(), add_regression_test()
    run_id = add_run(tests=[test.regression_id, missing.regression_id])
    add_event(run_id, Phase.TESTING)
    add_output(run_id, test.regression_id, test.output_id, got=GOT)
    for each in (test, missing):
        add_result(run_id, each.regression_id)
    path = f"/api/v1/runs/{run_id}/baseline-approvals"

    answer = requester.post(path, json={"requests": [Case(run_id, each).body() for each in (test, missing)]})

    assert answer.status_code == 422
    assert site.as_role(Role.ADMIN).get("/api/v1/baseline-approvals").json()["data"] == []


def test_a_test_outside_the_run_is_not_found_among_several(site: Site, case: Case, requester: Client) -> None:
    body = {"requests": [case.body(), case.body(regression_id=4711)]}

    answer = requester.post(f"/api/v1/runs/{case.run_id}/baseline-approvals", json=body)

    assert answer.status_code == 404
