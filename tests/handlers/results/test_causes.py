"""The causes of a run's failures over HTTP: in triage, as clusters, as steps of a test, and where else they occur."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.storage.database import session
from contract.client import ValidatingClient
from tests.builders import NOW
from tests.handlers.site import Site
from tests.services.results.analysed import Scene, captions
from tests.traffic import sent

# The token, the run, what is kept of its causes, and its line twice.
STATEMENTS = 5


@pytest.fixture
def scene(site: Site) -> Scene:
    site.clock.now = NOW
    return Scene.made(site.files, 12)


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    return site.as_role(Role.TESTER)


def history(scene: Scene) -> tuple[int, int, int]:
    """Three runs: one that passes, one in which every cue of two tests ends earlier, one in which a third test changes besides."""
    first = scene.run("a")
    second = scene.run("b", "a", ends={0: "460", 1: "460"}, at=2)
    third = scene.run("c", "b", ends={0: "460", 1: "460", 2: "900"}, at=4)
    scene.analyse_all()
    session().rollback()
    return first, second, third


def triage(client: ValidatingClient, run_id: int, **query: Any) -> Any:
    return client.get(f"/api/v1/runs/{run_id}/triage", params=query).json()


def test_triage_begins_with_the_causes_that_are_the_runs_own(scene: Scene, client: ValidatingClient) -> None:
    *_, run_id = history(scene)

    shown = triage(client, run_id)

    assert shown["analysis"] == {"state": "ready", "reason": None, "done": 3, "of": 3}
    assert [(each["origin"], each["test_count"]) for each in shown["clusters"]] == [("mine", 1), ("not_mine", 2)]
    assert shown["verdict"]["words"].startswith("1 of 2 causes is this run's own: every cue ends 400 ms later (1 test)")
    assert [each["origin"] for each in shown["failures"]] == ["mine", "not_mine", "not_mine"]
    assert shown["base"]["commit_sha"] == "b" * 40


def test_triage_of_one_cluster_shows_its_tests_alone(scene: Scene, client: ValidatingClient) -> None:
    *_, run_id = history(scene)
    [_, old] = triage(client, run_id)["clusters"]

    shown = triage(client, run_id, cluster=old["class_id"])

    assert [each["regression_id"] for each in shown["failures"]] == old["regression_ids"]


def test_as_long_as_a_run_waits_to_be_analysed_triage_answers_without_causes(scene: Scene, client: ValidatingClient) -> None:
    run_id = scene.run("a", ends={0: "460"})

    shown = triage(client, run_id)

    assert shown["analysis"]["state"] == "pending"
    assert shown["clusters"] == []
    assert len(shown["failures"]) == 1


def test_who_pages_through_failures_while_more_becomes_known_is_told_to_start_again(scene: Scene, client: ValidatingClient) -> None:
    run_id = scene.run("b", "a", ends=dict.fromkeys(range(12), "460"), at=2)
    scene.analyse_all()
    session().rollback()
    before = triage(client, run_id, max_bytes=8192)
    scene.run("a")

    late = client.get(f"/api/v1/runs/{run_id}/triage", params={"max_bytes": 8192, "cursor": before["next_cursor"]})

    assert (late.status_code, late.json()["details"]["remedy"]) == (409, "Start again without a cursor.")


def test_triage_of_300_tests_with_45_failures_for_five_causes_is_one_short_answer(site: Site, client: ValidatingClient) -> None:
    site.clock.now = NOW
    scene, good = Scene.made(site.files, 300), [captions(place) for place in range(45)]
    outputs = [
        *(captions(place, ends="460") for place in range(9)), *(b"\xef\xbb\xbf" + each for each in good[9:18]),
        *(each.replace(b"\n", b"\r\n") for each in good[18:27]), *(each.replace(b"line", b"LINE") for each in good[27:36]),
        *(each[each.index(b"2\n"):] for each in good[36:])]
    scene.run("a")
    run_id = scene.run("b", "a", at=2, outputs=dict(enumerate(outputs)))
    scene.analyse_all()
    session().rollback()

    whole, short = (client.get(f"/api/v1/runs/{run_id}/triage", params={"max_bytes": size}) for size in (32_768, 8_192))
    with sent(site.database.engine) as words:
        triage(client, run_id)

    assert [len(whole.content) <= 32_768, len(short.content) <= 8_192] == [True, True]
    for shown in (whole.json(), short.json()):
        assert (shown["failure_count"], shown["clusters_omitted_count"]) == (45, 0)
        assert [(each["test_count"], each["origin"]) for each in shown["clusters"]] == [(9, "mine")] * 5
    assert len([word for word in words if not word.startswith("-- ")]) == STATEMENTS, words


def test_triage_of_a_run_that_is_analysed_takes_as_many_statements_whatever_there_is_to_say(
    site: Site, scene: Scene, client: ValidatingClient,
) -> None:
    for run_id in history(scene):
        triage(client, run_id)

        with sent(site.database.engine) as words:
            triage(client, run_id)

        assert len([word for word in words if not word.startswith("-- ")]) == STATEMENTS, words


def test_a_cluster_within_triage_tells_what_its_approval_is_bound_to(scene: Scene, client: ValidatingClient) -> None:
    *_, run_id = history(scene)

    for max_bytes in (8192, 32768):
        shown = triage(client, run_id, max_bytes=max_bytes)

        listed = client.get(f"/api/v1/runs/{run_id}/clusters").json()["data"]
        assert [each["approve"] for each in shown["clusters"]] == [each["approve"] for each in listed]
        assert [each["approve"]["count"] for each in listed] == [1, 2]


def test_who_has_the_clusters_of_a_run_is_told_that_they_are_the_same(scene: Scene, client: ValidatingClient) -> None:
    *_, run_id = history(scene)
    listed = client.get(f"/api/v1/runs/{run_id}/clusters")
    one = f"/api/v1/runs/{run_id}/clusters/{listed.json()['data'][0]['class_id']}"
    before = {path: client.get(path).headers["ETag"] for path in (f"/api/v1/runs/{run_id}/clusters", one)}

    assert [client.get(path, headers={"If-None-Match": tag}).status_code for path, tag in before.items()] == [304, 304]


def test_clusters_are_listed_and_shown_with_their_tests(scene: Scene, client: ValidatingClient) -> None:
    _, second, run_id = history(scene)
    listed = client.get(f"/api/v1/runs/{run_id}/clusters").json()["data"]

    shown = client.get(f"/api/v1/runs/{run_id}/clusters/{listed[1]['class_id']}", params={"limit": 1}).json()

    assert shown["cluster"] == listed[1]
    assert shown["cluster"]["first_bad"]["run_id"] == second
    assert shown["cluster"]["elsewhere"] == {"main_run_count": 1, "pull_request_count": 0, "newest_run_id": second}
    assert [each["regression_id"] for each in shown["members"]] == [scene.tests[0].regression_id]
    assert shown["omitted_count"] == 1


def test_a_cluster_that_a_run_does_not_have_is_not_found(scene: Scene, client: ValidatingClient) -> None:
    *_, run_id = history(scene)

    assert client.get(f"/api/v1/runs/{run_id}/clusters/{'0' * 16}").status_code == 404


def test_a_cluster_of_a_run_that_waits_to_be_analysed_is_to_be_asked_for_again(scene: Scene, client: ValidatingClient) -> None:
    run_id = scene.run("a", ends={0: "460"})

    assert client.get(f"/api/v1/runs/{run_id}/clusters/{'0' * 16}").status_code == 409


def test_the_steps_of_a_test_are_the_runs_in_which_its_output_changed(scene: Scene, client: ValidatingClient) -> None:
    first, second, third = history(scene)
    fourth = scene.run("d", "c", ends={2: "900"}, at=6)
    scene.analyse_all()
    session().rollback()

    shown = client.get(f"/api/v1/regression-tests/{scene.tests[0].regression_id}/steps").json()["steps"]

    assert [(each["run"]["run_id"], each["from_run_id"]) for each in shown] == [(fourth, third), (second, first)]
    assert [each["facts"][0]["words"] for each in shown] == ["every cue ends 40 ms later", "every cue ends 40 ms earlier"]


def test_steps_are_narrowed_to_a_platform_and_a_branch(scene: Scene, client: ValidatingClient) -> None:
    history(scene)
    path = f"/api/v1/regression-tests/{scene.tests[0].regression_id}/steps"

    found = [len(client.get(path, params=query).json()["steps"]) for query in (
        {"platform": "linux", "branch": "master"}, {"platform": "windows"}, {"branch": "other"})]

    assert found == [1, 0, 0]


def test_where_a_cause_occurs_is_told_on_three_levels(scene: Scene, client: ValidatingClient) -> None:
    scene.run("a")
    main = scene.run("b", "a", ends={0: "460"}, at=2)
    pull = scene.run("c", "a", ends={0: "460", 1: "460"}, at=4, pull_request=105)
    scene.analyse_all()
    session().rollback()
    [cluster] = client.get(f"/api/v1/runs/{pull}/clusters").json()["data"]
    path = f"/api/v1/clusters/{cluster['class_id']}/occurrences"
    own = {"run_id": pull, "regression_id": scene.tests[0].regression_id}
    other = {"run_id": pull, "regression_id": scene.tests[1].regression_id}

    shown, of_other, all_of_them = (client.get(path, params=query).json() for query in (own, other, {"days": 7}))

    assert [[run["run_id"] for run in shown[level]["runs"]] for level in ("same_class", "same_step", "same_output")] == [[main]] * 3
    assert [of_other[level]["run_count"] for level in ("same_class", "same_step", "same_output")] == [1, 0, 0]
    assert all_of_them["same_class"]["pull_requests"] == [105]
    assert (all_of_them["same_step"], all_of_them["same_output"]) == (None, None)


def test_a_class_that_was_never_seen_has_no_runs(client: ValidatingClient) -> None:
    shown = client.get(f"/api/v1/clusters/{'0' * 16}/occurrences", params={"run_id": 1, "regression_id": 1}).json()

    assert shown["same_class"]["run_count"] == 0
    assert shown["same_output"] is None
