"""What the documents say of answers: statuses, headers, and the links from one to the next."""
from __future__ import annotations

from typing import Any

import pytest

from contract.documents import Operation, load_documents

OPERATIONS = [operation for document in load_documents() for operation in document.operations]
STAMPS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-Id"}
VERSIONED = {
    "get_job",
    "list_runs",
    "get_run",
    "get_run_summary",
    "list_progress",
    "get_run_config",
    "list_run_samples",
    "get_run_sample",
    "list_samples",
    "list_regression_tests",
    "get_expected_output",
    "get_actual_output",
    "get_diff",
    "compare_runs",
    "triage_run",
    "list_clusters",
    "get_cluster",
    "get_run_junit",
    "list_errors",
    "list_infrastructure_errors",
    "summarize_errors",
}
FILES = {"download_file", "get_claim_file", "get_job_artifact", "download_sample", "download_extra_file"}
# What can be edited under If-Match.
EDITED = {
    "get_sample", "upload_sample", "update_sample", "add_extra_file", "get_regression_test", "create_regression_test",
    "update_regression_test",
    "add_output", "update_output"}

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)


@each_operation
def test_every_status_that_can_be_sent_is_declared(operation: Operation) -> None:
    expected = {"400", "429", "500", "503"}
    expected |= {"401"} if operation.secured else set()
    expected |= {"403"} if operation.scope else set()
    expected |= {"404"} if operation.secured and any(each["in"] == "path" for each in operation.parameters) else set()
    expected |= {"408", "413", "415"} if operation.body else set()

    assert expected - set(operation.responses) == set()


@each_operation
def test_every_answer_has_the_rate_limit_and_the_request_id_in_its_headers(operation: Operation) -> None:
    lacking = {status: STAMPS - response.required_headers for status, response in operation.responses.items()}

    assert [status for status, headers in lacking.items() if headers] == []


@each_operation
def test_answers_that_a_client_reacts_to_say_how(operation: Operation) -> None:
    wanted = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
    declared = {status: operation.responses[status] for status in wanted if status in operation.responses}

    assert [status for status, response in declared.items() if wanted[status] not in response.required_headers] == []


@each_operation
def test_a_lack_of_scope_is_said_in_a_challenge_too(operation: Operation) -> None:
    assert operation.scope is None or "WWW-Authenticate" in operation.responses["403"].headers


@each_operation
def test_runs_their_parts_jobs_and_files_have_versions_and_nothing_else_has(operation: Operation) -> None:
    conditional = any(each["name"] == "If-None-Match" for each in operation.parameters)
    tagged = {status for status, response in operation.responses.items() if "ETag" in response.required_headers}

    assert conditional == (operation.operation_id in VERSIONED)
    edited = {status for status in ("200", "201") if status in operation.responses and operation.operation_id in EDITED}
    assert tagged == ({"200", "304"} if conditional else {"200", "206"} if operation.operation_id in FILES else edited)


@each_operation
def test_an_answer_without_content_is_one_that_can_have_none(operation: Operation) -> None:
    empty = {status for status, response in operation.responses.items() if not response.content}

    assert empty <= {"204", "303", "304"}


@each_operation
def test_a_link_leads_to_an_operation_and_names_parameters_that_it_has(operation: Operation) -> None:
    targets = {each.operation_id: {parameter["name"] for parameter in each.parameters} for each in OPERATIONS}
    links = [link for status in operation.raw["responses"].values() for link in status.get("links", {}).values()]

    unfit = [link for link in links if not set(link["parameters"]) <= targets.get(link["operationId"], set())]

    assert unfit == []


@each_operation
def test_a_link_takes_its_values_from_where_the_example_has_some(operation: Operation) -> None:
    for response in operation.raw["responses"].values():
        for link in response.get("links", {}).values():
            for expression in link["parameters"].values():
                found: Any = response["content"]["application/json"]["example"]
                for part in expression.removeprefix("$response.body#/").split("/"):
                    found = found[int(part)] if isinstance(found, list) else found[part]

                assert found is not None
