"""New baselines for all outputs that fail for one cause, over HTTP."""
from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.storage.database import session
from api.storage.results.analyses import load_analysis
from tests.builders import Output, add_regression_test, add_user
from tests.handlers.baselines import REASON, baseline_of
from tests.handlers.site import Client, Site
from tests.services.results.analysed import OwnPool, Scene, captions

APPROVALS = "/api/v1/baseline-approvals"


@dataclass
class Shown:
    """A run in which three tests fail for one cause, and what there is to be seen of them."""

    run_id: int
    class_id: str
    output_ids: list[int]
    seen: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/api/v1/runs/{self.run_id}/baseline-approvals"

    def request(self, **changes: Any) -> dict[str, Any]:
        return {"cluster": {"class_id": self.class_id, "reason": REASON, **self.seen, **changes}}

    def decision(self, **changes: Any) -> dict[str, Any]:
        return {"run_id": self.run_id, "class_id": self.class_id, **self.seen, **changes}


@pytest.fixture
def scene(site: Site) -> Scene:
    (site.files / "TestResults").mkdir(exist_ok=True)
    made = Scene(site.files, OwnPool(), add_user(), [])
    made.tests += [add_regression_test(outputs=[Output(made.add(captions(number)))]) for number in range(4)]
    return made


@pytest.fixture
def shown(scene: Scene) -> Shown:
    """The run of a commit by which the cues of three tests end 40 ms earlier."""
    scene.run("a")
    run_id = scene.run("b", "a", ends={0: "460", 1: "460", 2: "460"}, at=10)
    found = scene.analyse_all()
    assert found
    outputs = {
        test.output_id: (sha256(captions(place)).hexdigest(), sha256(captions(place, ends="460")).hexdigest())
        for place, test in enumerate(scene.tests[:3])}
    lines = "".join(f"{output_id} {before} {after}\n" for output_id, (before, after) in sorted(outputs.items()))
    return Shown(
        run_id, class_of(run_id), list(outputs), {"expected_count": 3, "digest": sha256(lines.encode()).hexdigest()})


def class_of(run_id: int) -> str:
    """The class of the only cluster of a run."""
    kept = load_analysis(run_id)
    assert kept is not None and kept.found is not None
    session().rollback()
    return kept.found.causes[0].cluster.class_id


def test_a_cluster_tells_what_a_request_for_it_is_bound_to(shown: Shown, requester: Client) -> None:
    listed = requester.get(f"/api/v1/runs/{shown.run_id}/clusters").json()["data"]
    alone = requester.get(f"/api/v1/runs/{shown.run_id}/clusters/{shown.class_id}").json()["cluster"]

    assert [each["approve"] for each in listed] == [alone["approve"]]
    assert alone["approve"] == {"count": 3, "digest": shown.seen["digest"], "url": "baseline-approvals"}


def test_all_outputs_of_a_cause_are_requested_at_once(shown: Shown, requester: Client) -> None:
    answer = requester.post(shown.path, json=shown.request())

    assert answer.status_code == 202
    assert sorted(each["output_id"] for each in answer.json()["data"]) == shown.output_ids


def test_the_same_request_for_a_cause_again_is_the_same_approvals(shown: Shown, requester: Client) -> None:
    first = requester.post(shown.path, json=shown.request()).json()

    assert requester.post(shown.path, json=shown.request()).json() == first


@pytest.mark.parametrize("change", [{"expected_count": 2}, {"digest": "0" * 64}])
def test_what_was_not_looked_at_is_not_requested(shown: Shown, requester: Client, admin: Client, change: dict[str, Any]) -> None:
    answer = requester.post(shown.path, json=shown.request(**change))

    details = answer.json()["details"]
    assert (answer.status_code, details["count"], details["digest"]) == (409, 3, shown.seen["digest"])
    assert admin.get(APPROVALS).json()["data"] == []


def test_a_reason_that_says_nothing_is_refused_for_a_cause_too(shown: Shown, requester: Client) -> None:
    answer = requester.post(shown.path, json=shown.request(reason="please approve this"))

    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "reason")


def test_a_cause_that_the_run_does_not_have_is_not_found(shown: Shown, requester: Client) -> None:
    answer = requester.post(shown.path, json=shown.request(class_id="0" * 16))

    assert (answer.status_code, answer.json()["details"]["resource"]) == (404, "cluster")


def test_until_the_causes_are_known_there_is_nothing_to_request(scene: Scene, requester: Client) -> None:
    run_id = scene.run("a", ends={0: "460"})
    body = Shown(run_id, "0" * 16, [], {"expected_count": 1, "digest": "0" * 64})

    answer = requester.post(body.path, json=body.request())

    assert answer.status_code == 409


@pytest.mark.parametrize("body", [{}, {"requests": [], "cluster": {}}])
def test_a_request_is_for_a_list_or_for_a_cause(shown: Shown, requester: Client, body: dict[str, Any]) -> None:
    assert requester.post(shown.path, json=body).status_code == 400


def test_a_cause_is_approved_and_taken_back(site: Site, shown: Shown, requester: Client, admin: Client) -> None:
    requester.post(shown.path, json=shown.request())
    before = {baseline_of(site, each) for each in shown.output_ids}

    approved = admin.post(f"{APPROVALS}/approve", json=shown.decision())
    after = {baseline_of(site, each) for each in shown.output_ids}
    reverted = admin.post(f"{APPROVALS}/revert", json=shown.decision())

    assert [answer.status_code for answer in (approved, reverted)] == [200, 200]
    assert len(after & before) == 0
    assert {baseline_of(site, each) for each in shown.output_ids} == before
    assert [each["reverts_id"] for each in reverted.json()["data"]] == [each["approval_id"] for each in approved.json()["data"]]


def test_a_cause_is_rejected(shown: Shown, requester: Client, admin: Client) -> None:
    requester.post(shown.path, json=shown.request())

    answer = admin.post(f"{APPROVALS}/reject", json=shown.decision())

    assert {each["status"] for each in answer.json()["data"]} == {"rejected"}


def test_a_decision_about_a_cause_is_repeated_by_the_same_person_alone(
    site: Site, shown: Shown, requester: Client, admin: Client,
) -> None:
    requester.post(shown.path, json=shown.request())
    first = admin.post(f"{APPROVALS}/approve", json=shown.decision()).json()

    again = admin.post(f"{APPROVALS}/approve", json=shown.decision())
    other = site.as_user(site.account(Role.ADMIN, "grace")).post(f"{APPROVALS}/approve", json=shown.decision())

    assert (again.status_code, again.json()) == (200, first)
    assert (other.status_code, {each["decided_by"] for each in other.json()["details"]["changed"]}) == (409, {"admin@example.test"})


def test_a_cause_of_which_a_part_was_requested_is_not_approved_as_a_whole(
    shown: Shown, requester: Client, admin: Client, scene: Scene,
) -> None:
    requests = [
        {"regression_id": test.regression_id, "output_id": test.output_id, "reason": REASON} for test in scene.tests[:2]]
    requester.post(shown.path, json={"requests": requests})

    answer = admin.post(f"{APPROVALS}/approve", json=shown.decision())

    assert (answer.status_code, answer.json()["details"]["count"]) == (409, 2)


def test_a_run_that_there_is_not_has_no_cause_to_decide_about(shown: Shown, admin: Client) -> None:
    assert admin.post(f"{APPROVALS}/approve", json=shown.decision(run_id=4711)).status_code == 404


@pytest.mark.parametrize("second", ["approve", "reject"])
def test_of_two_who_decide_about_a_cause_at_once_one_wins_and_the_other_is_told_what_changed(
    site: Site, shown: Shown, requester: Client, admin: Client, second: str,
) -> None:
    requester.post(shown.path, json=shown.request())
    before = {baseline_of(site, each) for each in shown.output_ids}
    grace = site.as_user(site.account(Role.ADMIN, "grace"))

    answers = site.together(
        lambda: admin.post(f"{APPROVALS}/approve", json=shown.decision()),
        lambda: grace.post(f"{APPROVALS}/{second}", json=shown.decision()))

    won, lost = sorted(answers, key=lambda answer: int(answer.status_code))
    by = {each["decided_by"] for each in won.json()["data"]}
    assert (won.status_code, lost.status_code, len(won.json()["data"])) == (200, 409, 3)
    assert {each["decided_by"] for each in lost.json()["details"]["changed"]} == by
    assert len({baseline_of(site, each) in before for each in shown.output_ids}) == 1
