"""The parameter `fields` of lists: the members that were asked for, those that are always there, and no others."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from api.domain.auth.access import Role
from contract.documents import Operation, load_documents
from contract.largest_requests import Asked
from tests.builders import add_run
from tests.handlers.site import Client, Site
from tests.handlers.system.conftest import Abundant

RUNS = "/api/v1/runs"
# A list that is empty, and one whose items are wanted with all of their members, show nothing of the choice.
EMPTY = {"list_baseline_approvals", "list_infrastructure_errors"}
NARROWED = [
    operation for document in load_documents() for operation in document.operations
    if any(parameter["name"] == "fields" for parameter in operation.parameters)]


def item_schema(operation: Operation) -> Mapping[str, Any]:
    document, page = operation.document, operation.responses["200"].content["application/json"]["schema"]
    return document.resolve(document.resolve(page)["properties"]["data"]["items"])


@pytest.fixture
def reader(site: Site) -> Client:
    return site.as_role(Role.ADMIN)


@pytest.mark.parametrize("operation", NARROWED, ids=lambda each: each.operation_id)
def test_each_member_comes_alone_with_those_that_are_always_there(abundant: Abundant, operation: Operation) -> None:
    schema, path = item_schema(operation), operation.full_path.format(**abundant.known)
    always = {*schema["required"], "altered_fields"}
    whole = items_of(abundant, operation, path)

    for name in schema["properties"]:
        narrowed = items_of(abundant, operation, path, fields=name)

        assert narrowed == [{key: value for key, value in item.items() if key in {*always, name}} for item in whole]
    assert bool(whole) == (operation.operation_id not in EMPTY)


def items_of(abundant: Abundant, operation: Operation, path: str, **query: str) -> list[dict[str, Any]]:
    answer, _ = abundant.ask(Asked(operation, "", f"{path}?{urlencode(query)}", {}))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_the_choice_of_one_request_is_not_that_of_another(site: Site, reader: Client) -> None:
    add_run(branch="master")
    whole = reader.get(RUNS).json()

    narrowed = reader.get(RUNS, params={"fields": "branch,links"}).json()["data"][0]

    assert narrowed.keys() == {
        "run_id", "status", "repository", "commit_sha", "platform", "created_at", "branch", "links"}
    assert reader.get(RUNS).json() == whole


def test_what_was_altered_is_always_said(site: Site, reader: Client) -> None:
    add_run(commit="0632bff", branch="b" * 200)

    [narrowed] = reader.get(RUNS, params={"fields": "platform"}).json()["data"]

    assert narrowed["altered_fields"] == ["branch", "commit_sha"]
    assert "branch" not in narrowed


def test_the_next_page_has_the_same_members(site: Site, reader: Client) -> None:
    for _ in range(2):
        add_run()

    link = reader.get(RUNS, params={"fields": "branch,reason", "limit": 1}).headers["Link"]

    assert "fields=branch%2Creason" in link


@pytest.mark.parametrize("fields", ["nonsense", "branch,nonsense", "", "branch,", "branch,branch", "Branch", "links.self", "branch, links"])
def test_what_is_no_member_is_refused_with_its_place(site: Site, reader: Client, fields: str) -> None:
    answer = reader.get(RUNS, params={"fields": fields})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert [name.partition(".")[0] for name in answer.json()["details"]["fields"]] == ["fields"]


def test_the_parameter_is_given_once(site: Site, reader: Client) -> None:
    answer = reader.get(f"{RUNS}?fields=branch&fields=links")

    assert answer.status_code == 400
