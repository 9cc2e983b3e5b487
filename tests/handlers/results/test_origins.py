"""Whether a run's own commits are to blame, over HTTP: along the ancestors that runs name."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.services.results.analysing import Analyst
from api.services.results.output_facts import FactFinder
from tests.builders import BASELINE, BuiltTest, add_event, add_passed_result, add_regression_test, add_result_with_output, digest_of
from tests.handlers.site import Client, Site
from tests.handlers.worker.machines import claimed, enrol
from tests.platform_writes import set_baseline
from tests.services.results.analysed import OwnPool, analyse_all, archive_of

MAIN = "CCExtractor/ccextractor"


@pytest.fixture
def agent(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


def commit(letter: str) -> str:
    return letter * 40


def run_of(
    agent: Client, letter: str, parent: str | None, results: dict[BuiltTest, str | None], *, phase: Phase = Phase.COMPLETED, **more: Any,
) -> int:
    """A run of a commit in which these tests ended, each with an output of that name, or as expected."""
    told = {} if parent is None else {"parent_sha": commit(parent)}
    body = {"repository": MAIN, "commit_sha": commit(letter), "platform": "linux", "branch": "master", **told, **more}
    run_id = int(agent.post("/api/v1/runs", json=body).json()["run_id"])
    add_event(run_id, Phase.TESTING)
    for test, got in results.items():
        if got is None:
            add_passed_result(run_id, test)
        else:
            add_result_with_output(run_id, test, got=digest_of(got))
    add_event(run_id, phase)
    return run_id


def triage(agent: Client, run_id: int, **query: Any) -> dict[str, Any]:
    answer = agent.get(f"/api/v1/runs/{run_id}/triage", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_test_that_the_base_did_not_execute_is_compared_with_the_nearest_run_that_did(agent: Client) -> None:
    one, two = add_regression_test(), add_regression_test()
    whole = run_of(agent, "a", None, {one: None, two: "bad"})
    half = run_of(agent, "b", "a", {one: None})
    run_id = run_of(agent, "c", "b", {one: None, two: "bad"})

    compared = agent.get(f"/api/v1/runs/{run_id}/compare").json()
    shown = triage(agent, run_id)

    assert (compared["base"]["run_id"], compared["not_comparable_count"]) == (half, 0)
    assert [(each["regression_id"], each["base_run_id"]) for each in compared["failing_same"]] == [(two.regression_id, whole)]
    failure = shown["failures"][0]
    assert (failure["origin"], failure["base_run_id"], failure["untested_commits"]) == ("not_mine", whole, [commit("b")])
    assert shown["origins"] == {"mine": 0, "unknown": 0, "flaky": 0, "improved": 0, "not_mine": 1, "rebaselined": 0}


@pytest.mark.parametrize(("between", "origin", "untested"), [("ok", "mine", []), ("untested", "unknown", [commit("b")])])
def test_what_an_untested_commit_may_have_done_is_unknown_and_the_commit_is_named(
    agent: Client, between: str, origin: str, untested: list[str],
) -> None:
    test = add_regression_test()
    run_of(agent, "a", None, {test: None})
    run_of(agent, "b", "a", {test: None} if between == "ok" else {}, phase=Phase.COMPLETED if between == "ok" else Phase.CANCELED)
    run_id = run_of(agent, "c", "b", {test: "bad"})

    shown = triage(agent, run_id)

    assert (shown["failures"][0]["origin"], shown["base"]["untested_commits"], shown["base"]["assumed_order"]) == (origin, untested, False)
    assert shown["base"]["untested_count"] == len(untested)


def test_runs_that_are_no_ancestors_say_nothing_of_since_when_a_test_fails(agent: Client) -> None:
    test = add_regression_test()
    run_of(agent, "a", None, {test: None})
    first = run_of(agent, "b", "a", {test: "bad"})
    run_of(agent, "f", "a", {test: None})
    run_id = run_of(agent, "c", "b", {test: "bad"})

    failure = triage(agent, run_id)["failures"][0]

    assert failure["failing_since"] == {"run_id": first, "commit_sha": commit("b"), "at_least": False, "assumed_order": False}
    assert (failure["origin"], failure["in_base"]) == ("not_mine", "failing_same")


def test_a_cause_that_went_leaves_what_failed_before(agent: Client) -> None:
    test = add_regression_test()
    run_of(agent, "a", None, {test: None})
    first = run_of(agent, "b", "a", {test: "bad"})
    run_of(agent, "c", "b", {test: "worse"})
    run_id = run_of(agent, "d", "c", {test: "bad"})

    failure = triage(agent, run_id)["failures"][0]

    assert (failure["origin"], failure["in_base"], failure["failing_since"]["run_id"]) == ("improved", "failing_differently", first)


def test_a_pull_request_is_compared_with_its_merge_base_and_fails_since_its_own_commits(agent: Client) -> None:
    test = add_regression_test()
    base = run_of(agent, "a", None, {test: None})
    first = run_of(agent, "b", "a", {test: "bad"}, pull_request=7, merge_base_sha=commit("a"))
    run_of(agent, "f", "a", {test: "bad"})
    run_id = run_of(agent, "c", "b", {test: "bad"}, pull_request=7, merge_base_sha=commit("a"))

    shown = triage(agent, run_id)

    assert (shown["base"]["run_id"], shown["base"]["reason"]) == (base, "merge_base")
    assert (shown["failures"][0]["origin"], shown["failures"][0]["failing_since"]["run_id"]) == ("mine", first)


def test_the_merge_base_that_a_machine_found_chooses_the_base_unless_the_trigger_named_one(site: Site, agent: Client) -> None:
    test, machine = add_regression_test(), enrol(site)
    bases = {letter: run_of(agent, letter, None, {test: None}) for letter in "abc"}
    shown = {}
    for letter, named in (("d", {}), ("e", {"merge_base_sha": commit("b")})):
        body = {"repository": MAIN, "commit_sha": commit(letter), "platform": "linux", "pull_request": 7, **named}
        run_id = int(agent.post("/api/v1/runs", json=body).json()["run_id"])
        machine.put(f"{claimed(machine)}/progress", json={
            "stage": "testing", "message": "", "build": {"merge_base_sha": commit("a"), "duration_ms": None}})
        add_passed_result(run_id, test)
        add_event(run_id, Phase.COMPLETED)
        shown[letter] = triage(agent, run_id)["base"]

    assert [(base["run_id"], base["reason"]) for base in shown.values()] == [(bases["a"], "merge_base"), (bases["b"], "merge_base")]


def test_a_baseline_that_was_approved_fixes_nothing(agent: Client) -> None:
    test = add_regression_test()
    run_of(agent, "a", None, {test: "new"})
    set_baseline(test.output_id, digest_of("new"))
    run_id = run_of(agent, "b", "a", {test: "new"})

    compared = agent.get(f"/api/v1/runs/{run_id}/compare").json()

    assert (compared["fixed_count"], compared["rebaselined_count"]) == (0, 1)
    assert [each["regression_id"] for each in compared["rebaselined"]] == [test.regression_id]


def test_a_baseline_that_was_changed_under_a_program_is_not_the_programs_fault(agent: Client) -> None:
    test = add_regression_test()
    run_of(agent, "a", None, {test: "same"})
    set_baseline(test.output_id, digest_of("same"))
    run_of(agent, "b", "a", {test: "same"})
    set_baseline(test.output_id, BASELINE)
    run_id = run_of(agent, "c", "b", {test: "same"})

    failure = triage(agent, run_id)["failures"][0]

    assert (failure["origin"], failure["in_base"]) == ("rebaselined", "passing")


def test_failures_can_be_asked_for_by_origin_and_page_by_page(site: Site, agent: Client) -> None:
    old, new = [add_regression_test(categories=["DVB"]) for _ in range(20)], [add_regression_test() for _ in range(15)]
    run_of(agent, "a", None, dict.fromkeys(old, "bad") | dict.fromkeys(new, None))
    run_id = run_of(agent, "b", "a", dict.fromkeys([*old, *new], "bad"))
    triage(agent, run_id)
    # Else the causes become known between two pages, or not.
    analyse_all(Analyst(FactFinder(archive_of(site.files), OwnPool()), MAIN))

    first = triage(agent, run_id, max_bytes=8192)
    mine = triage(agent, run_id, attribution="mine")
    listed, cursor = list(first["failures"]), first["next_cursor"]
    while cursor is not None:
        page = triage(agent, run_id, max_bytes=8192, cursor=cursor)
        assert page["failure_count"] == 35 and page["failures"]
        listed, cursor = [*listed, *page["failures"]], page["next_cursor"]

    assert {each["origin"] for each in first["failures"]} == {"mine", "not_mine"} and first["failures"][0]["origin"] == "mine"
    assert sorted(each["regression_id"] for each in listed) == [test.regression_id for test in [*old, *new]]
    assert [each["regression_id"] for each in mine["failures"]] == [test.regression_id for test in new]
    assert (mine["failure_count"], mine["omitted_count"], mine["next_cursor"], mine["origins"]["not_mine"]) == (35, 0, None, 20)
    assert agent.get(f"/api/v1/runs/{run_id}/triage", params={"cursor": first["next_cursor"], "attribution": "mine"}).status_code == 400
