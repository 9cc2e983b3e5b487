"""People make, edit and delete regression tests and categories."""
from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.services.runs.platform_sync import catch_up
from api.storage.platform_tables import RegressionOutputRow, RegressionTestRow
from tests.builders import NOW, Output, add_category, add_finished_run, add_regression_test, add_run, add_sample
from tests.handlers.site import Client, Site

TESTS, CATEGORIES, RUNS = "/api/v1/regression-tests", "/api/v1/categories", "/api/v1/runs"


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who keeps the library."""
    add_category("DVB")
    return site.as_role(Role.CONTRIBUTOR)


def new_test(**changes: Any) -> dict[str, Any]:
    return {"sample_id": add_sample(), "command": "-out=ttxt", "categories": ["DVB"], **changes}


def test_a_test_is_made_with_the_output_that_its_command_says_and_no_baseline(client: Client) -> None:
    answer = client.post(TESTS, json=new_test())

    made = answer.json()
    [output] = made["outputs"]
    assert answer.status_code == 201
    assert (made["active"], made["categories"], made["expected_exit_code"]) == (True, ["DVB"], 0)
    assert (output["extension"], output["baseline"], output["variants"]) == (".txt", None, [])
    assert client.get(f"{TESTS}/{made['regression_id']}").json() == made


def test_a_test_has_the_outputs_that_are_named(client: Client) -> None:
    outputs = [{"extension": ".srt"}, {"extension": ".srt", "suffix": "_2", "ignored": True}]

    made = client.post(TESTS, json=new_test(outputs=outputs)).json()

    assert [(each["extension"], each["suffix"], each["ignored"]) for each in made["outputs"]] == [
        (".srt", "", False), (".srt", "_2", True)]


@pytest.mark.parametrize(("changes", "status"), [
    ({"sample_id": 4711}, 404), ({"categories": ["DVB", "none such"]}, 422), ({"command": "-x 'open"}, 400),
    ({"command": "-x\n-y"}, 400), ({"outputs": [{"extension": ".srt"}, {"extension": ".srt"}]}, 400),
    ({"outputs": [{"extension": "/etc"}]}, 400), ({"outputs": [{"extension": ".srt", "suffix": "../"}]}, 400)])
def test_a_test_that_cannot_be_is_refused_and_not_kept(site: Site, client: Client, changes: dict[str, Any], status: int) -> None:
    answer = client.post(TESTS, json=new_test(**changes))

    assert (answer.status_code, site.rows(select(RegressionTestRow.id))) == (status, [])


def test_a_command_may_hold_what_a_shell_would_read_since_none_does(client: Client) -> None:
    command = "-out=srt '; rm -rf /' $(id) `id` | && > < \\\" \U0001f600"

    made = client.post(TESTS, json=new_test(command=command))

    assert made.json()["command"] == command


def test_of_a_test_only_what_is_named_changes(client: Client) -> None:
    made = client.post(TESTS, json=new_test(description="Before")).json()

    edited = client.patch(f"{TESTS}/{made['regression_id']}", json={"active": False, "categories": []}).json()

    assert edited == made | {"active": False, "categories": []}


def test_of_two_editors_the_second_is_told_that_the_test_has_changed(client: Client) -> None:
    made = client.post(TESTS, json=new_test())
    path, seen = f"{TESTS}/{made.json()['regression_id']}", {"If-Match": made.headers["ETag"]}

    answers = [client.patch(path, json={"command": command}, headers=seen) for command in ("-one", "-two")]
    removed = client.delete(path, headers=seen)

    assert [each.status_code for each in (*answers, removed)] == [200, 412, 412]
    assert client.get(path).json()["command"] == "-one"


def test_a_run_keeps_the_test_as_it_was_when_the_run_was_made(client: Client) -> None:
    test = add_regression_test(command="-before")
    # Nobody has looked at this run yet.
    run_id = add_run(tests=[test.regression_id])

    client.patch(f"{TESTS}/{test.regression_id}", json={"command": "-after"})

    assert client.get(f"{RUNS}/{run_id}/config").json()["matrix"][0]["command"] == "-before"


def test_a_test_is_deleted_while_no_run_has_results_of_it_or_waits_for_it(site: Site, client: Client) -> None:
    free, finished, waiting = (add_regression_test(outputs=[Output(acceptable=("a" * 64,))], categories=["DVB"]) for _ in range(3))
    add_finished_run(finished)
    run_id = add_run(tests=[waiting.regression_id])
    catch_up(NOW)

    answers = [client.delete(f"{TESTS}/{each.regression_id}") for each in (free, finished, waiting)]

    assert [answer.status_code for answer in answers] == [204, 409, 409]
    assert [answer.json()["details"]["result_count"] for answer in answers[1:]] == [1, 1]
    assert answers[2].json()["details"]["run_ids"] == [run_id]
    assert client.get(f"{TESTS}/{free.regression_id}").status_code == 404


def test_outputs_are_added_edited_and_deleted(site: Site, client: Client) -> None:
    path = f"{TESTS}/{client.post(TESTS, json=new_test()).json()['regression_id']}"

    added = client.post(f"{path}/outputs", json={"extension": ".txt", "suffix": "_2"}).json()["outputs"]
    output_id = added[1]["output_id"]
    taken = client.patch(f"{path}/outputs/{output_id}", json={"suffix": ""})
    edited = client.patch(f"{path}/outputs/{output_id}", json={"suffix": "_3", "ignored": True}).json()["outputs"][1]
    deleted = client.delete(f"{path}/outputs/{output_id}")

    assert (taken.status_code, edited["suffix"], edited["ignored"], deleted.status_code) == (400, "_3", True, 204)
    assert len(client.get(path).json()["outputs"]) == 1
    assert client.delete(f"{path}/outputs/{output_id}").status_code == 404


def test_an_output_that_runs_reported_of_stays(site: Site, client: Client) -> None:
    test = add_regression_test()
    add_finished_run(test)

    answer = client.delete(f"{TESTS}/{test.regression_id}/outputs/{test.output_id}")

    assert (answer.status_code, len(site.rows(select(RegressionOutputRow.id)))) == (409, 1)


def test_categories_are_made_renamed_and_deleted_while_they_are_empty(client: Client) -> None:
    made = client.post(CATEGORIES, json={"name": "Teletext"}).json()
    client.post(TESTS, json=new_test(categories=["Teletext", "DVB"]))
    path = f"{CATEGORIES}/{made['category_id']}"

    taken = [client.post(CATEGORIES, json={"name": "DVB"}), client.patch(path, json={"name": "DVB"})]
    renamed = client.patch(path, json={"name": "Pages", "description": "Of text"}).json()
    used = client.delete(path)
    client.patch(f"{TESTS}/1", json={"categories": []})
    deleted = client.delete(path)

    assert [each.status_code for each in taken] == [409, 409]
    assert renamed == {**made, "name": "Pages", "description": "Of text", "regression_count": 1}
    assert (used.status_code, deleted.status_code, client.delete(path).status_code) == (409, 204, 404)
    assert [each["name"] for each in client.get(CATEGORIES).json()["data"]] == ["DVB"]


@pytest.mark.parametrize(("name", "status"), [("dvb", 409), ("DVB ", 400), ("D\u202eVB", 400), (" ", 400), ("DVB-T", 201)])
def test_a_category_is_named_by_words_that_differ_from_all_others(client: Client, name: str, status: int) -> None:
    other = client.post(CATEGORIES, json={"name": "Other"}).json()["category_id"]

    renamed, made = client.patch(f"{CATEGORIES}/{other}", json={"name": name}), client.post(CATEGORIES, json={"name": f"{name}"})

    assert (renamed.status_code, made.status_code) == ((200, 409) if status == 201 else (status, status))
    assert client.patch(f"{CATEGORIES}/{other}", json={"name": "OTHER" if status != 201 else "dvb-t"}).status_code == 200


def test_the_history_of_a_test_has_the_newest_verdict_on_each_platform(client: Client) -> None:
    test, other = add_regression_test(), add_regression_test()
    runs = [add_finished_run(test, other), add_finished_run(test, other)]

    found = client.get(f"{TESTS}/{test.regression_id}/history").json()

    assert [each["run_id"] for each in found["data"]] == runs[::-1]
    assert [(each["run_id"], each["platform"], each["status"]) for each in found["last"]] == [(runs[1], "linux", "pass")]


def test_who_changed_a_test_is_recorded(client: Client) -> None:
    regression_id = client.post(TESTS, json=new_test()).json()["regression_id"]
    client.patch(f"{TESTS}/{regression_id}", json={"command": "-other"})

    found = client.get("/api/v1/library-changes", params={"kind": "regression_test"}).json()["data"]

    assert [each["action"] for each in found] == ["changed", "created"]
    assert (found[0]["before"], found[0]["after"]) == ({"command": "-out=ttxt"}, {"command": "-other"})
