"""The system's own state: queue, branches, environments."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import add_event, add_finished_run, add_regression_test, add_run, minutes
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.handlers.system.asked import BRANCHES, ENVIRONMENTS, HEALTH, QUEUE, Ask


def test_the_queue_shows_what_runs_and_then_what_waits(site: Site, ask: Ask) -> None:
    waiting = [add_run(), add_run(platform="windows"), add_run(), add_run(platform="windows")]
    running = add_run()
    add_event(running, Phase.PREPARATION, at=minutes(1))
    add_finished_run(add_regression_test())

    queue = ask(QUEUE)

    assert [entry["run_id"] for entry in queue["data"]] == [running, *waiting]
    assert [entry["position"] for entry in queue["data"]] == [None, 1, 1, 2, 2]
    assert [entry["status"] for entry in queue["data"]] == ["running", *["queued"] * 4]
    assert (queue["queue_depth"], queue["running_count"], queue["pagination"]["total"]) == (4, 1, 5)


def test_a_place_in_the_queue_does_not_depend_on_the_page_or_filter(site: Site, ask: Ask) -> None:
    made = [add_run(platform=platform) for platform in ("linux", "windows", "linux", "linux")]

    pages = [ask(QUEUE, limit=1, offset=offset)["data"][0] for offset in range(4)]
    filtered = ask(QUEUE, platform="linux", status="queued")

    assert [(entry["run_id"], entry["position"]) for entry in pages] == list(zip(made, (1, 1, 2, 3), strict=True))
    assert [entry["position"] for entry in filtered["data"]] == [1, 2, 3]
    assert {(ask(QUEUE, limit=1, offset=offset)["queue_depth"]) for offset in range(6)} == {4}


def test_depth_and_running_count_follow_the_platform_alone(site: Site, ask: Ask) -> None:
    add_run()
    add_event(add_run(), Phase.TESTING)
    add_run(platform="windows")

    found = [ask(QUEUE, **query) for query in ({"platform": "linux"}, {"status": "running"},
        {"platform": "windows", "status": "running"})]

    assert [(queue["queue_depth"], queue["running_count"], queue["pagination"]["total"]) for queue in found] == [
        (1, 1, 2), (2, 1, 1), (1, 0, 0)]


def test_an_empty_queue_is_a_page_too(site: Site, ask: Ask) -> None:
    assert ask(QUEUE) == {
        "data": [], "pagination": {"limit": 50, "offset": 0, "total": 0, "next_offset": None}, "queue_depth": 0, "running_count": 0}


def test_branches_are_listed_once_with_their_newest_commit(site: Site, ask: Ask) -> None:
    add_run(branch="master", commit="a" * 40)
    add_run(branch="master", commit="b" * 40)
    add_run(branch="master", commit="c" * 40, platform="windows")
    add_run(branch="develop", commit="d" * 40)
    add_run(branch="master", commit="e" * 40, repository="Ada/ccextractor")
    add_run(branch="", commit="f" * 40)

    branches = ask(BRANCHES)

    assert [(each["repository"], each["name"], each["head_sha"][0]) for each in branches["data"]] == [
        ("Ada/ccextractor", "master", "e"), ("CCExtractor/ccextractor", "develop", "d"), ("CCExtractor/ccextractor", "master", "c")]
    assert branches["pagination"]["total"] == 3


@pytest.mark.parametrize(("query", "expected"), [
    ({"name": "MAST"}, ["master"]), ({"name": "_"}, ["under_score"]), ({"name": "%"}, []), ({"name": "\u00c4"}, []),
    ({"name": "\u00e4"}, ["br\u00e4nch"]), ({"repository": "ccextractor/CCExtractor", "name": "m"}, ["master"]),
    ({"repository": "x/y"}, []),
    ({"limit": 1, "offset": 1}, ["master"])])
def test_branches_are_narrowed_and_paged(site: Site, ask: Ask, query: dict[str, Any], expected: list[str]) -> None:
    for branch in ("master", "under_score", "br\u00e4nch"):
        add_run(branch=branch)

    assert [each["name"] for each in ask(BRANCHES, **query)["data"]] == expected


def test_a_branch_is_active_while_its_newest_run_is_recent(site: Site, ask: Ask) -> None:
    for branch, days in (("old", 91), ("edge", 90), ("new", 1)):
        add_event(add_run(branch=branch), Phase.TESTING, at=minutes(-days * 24 * 60))

    active = {each["name"]: each["active"] for each in ask(BRANCHES)["data"]}

    assert active == {"old": False, "edge": True, "new": True}
    assert [each["name"] for each in ask(BRANCHES, active="false")["data"]] == ["old"]
    assert [each["name"] for each in ask(BRANCHES, active="true")["data"]] == ["edge", "new"]


def test_environments_are_as_configured_with_the_mean_of_the_last_runs(make_site: MakeSite) -> None:
    site = make_site(environments="""[
        {"environment_id": "ubuntu", "platform": "linux", "runner_label": "big"},
        {"environment_id": "server", "platform": "windows", "active": false}]""")
    client: ValidatingClient = site.as_role(Role.USER)
    add_finished_run(add_regression_test())

    answers = [client.get(ENVIRONMENTS, params=query).json()["data"] for query in ({}, {"active": "false"}, {"platform": "linux"})]

    ubuntu = {
        "environment_id": "ubuntu", "platform": "linux", "active": True, "runner_label": "big", "average_duration_ms": 1_200_000}
    server = {"environment_id": "server", "platform": "windows", "active": False, "runner_label": None, "average_duration_ms": None}
    assert answers == [[ubuntu, server], [server], [ubuntu]]


@pytest.mark.parametrize(("path", "query", "field"), [
    (QUEUE, "status=pass", "status"), (QUEUE, "platform=mac", "platform"), (QUEUE, "limit=0", "limit"),
    (BRANCHES, "active=1", "active"),
    (BRANCHES, "active=True", "active"), (BRANCHES, "name=" + "n" * 101, "name"), (BRANCHES, "repository=x", "repository"),
    (ENVIRONMENTS, "active=", "active"), (ENVIRONMENTS, "offset=x", "offset"), (HEALTH, "deep=true", "deep")])
def test_what_the_document_does_not_allow_is_refused_by_name(site: Site, path: str, query: str, field: str) -> None:
    answer = site.as_role(Role.USER).get(f"{path}?{query}")

    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, [field])
