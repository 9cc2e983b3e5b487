"""The documents as a whole: valid, complete, and of one mind."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_spec_validator import validate

from contract.documents import MACHINES, Document, Operation, load_documents

DOCUMENTS = load_documents()
OPERATIONS = [operation for document in DOCUMENTS for operation in document.operations]
CI = next(document for document in DOCUMENTS if document.name == "openapi-ci-api.yaml")
WORKER = next(document for document in DOCUMENTS if document.name == "openapi-worker.yaml")

SCOPES = {"runs:read", "runs:write", "results:read", "baselines:write", "system:read"}
# Those of the platform's own API alone.
PLATFORM_SCOPES = {"system:write", "tokens:manage"}
BUCKETS = {"reads", "writes", "logins", "anonymous", "worker", "downloads", "metrics"}
# The caller's own account and tokens: whoever shows a valid one may see and end them, whatever it was issued for.
WITHOUT_SCOPE = {
    "get_me", "change_password", "list_tokens", "revoke_current_token", "revoke_token", "platform_get_me", "platform_get_github_link",
    "platform_revoke_current_token", "platform_revoke_token"}
PLAIN_NAME = re.compile(r"[a-z]+(_[a-z]+)*")
# Words that a reader of YAML 1.1 takes for truth values, where they stand as a key or as a value.
BARE_TRUTH_VALUES = re.compile(r"(?mi)^\s*(?:-\s+)?(?:yes|no|on|off):|[:\[,]\s+(?:yes|no|on|off)\s*[,\]\n]")
REFERENCE_OPERATIONS = {
    "POST /auth/tokens",
    "DELETE /auth/tokens/current",
    "GET /runs",
    "POST /runs",
    "GET /runs/{run_id}",
    "GET /runs/{run_id}/summary",
    "GET /runs/{run_id}/progress",
    "POST /runs/{run_id}/cancel",
    "POST /runs/{run_id}/retry",
    "GET /runs/{run_id}/config",
    "GET /runs/{run_id}/samples",
    "GET /runs/{run_id}/samples/{sample_id}",
    "GET /samples",
    "GET /samples/{sample_id}",
    "GET /samples/{sample_id}/history",
    "GET /regression-tests",
    "GET /runs/{run_id}/samples/{sample_id}/expected",
    "GET /runs/{run_id}/samples/{sample_id}/actual",
    "GET /runs/{run_id}/samples/{sample_id}/diff",
    "POST /runs/{run_id}/samples/{sample_id}/baseline-approval",
    "GET /runs/{run_id}/errors",
    "GET /runs/{run_id}/infrastructure-errors",
    "GET /runs/{run_id}/logs",
    "GET /runs/{run_id}/samples/{sample_id}/logs",
    "GET /runs/{run_id}/error-summary",
    "GET /system/health",
    "GET /system/queue",
    "GET /branches",
    "GET /environments",
    "GET /runs/{run_id}/artifacts",
}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)


@each_document
def test_a_document_is_valid_openapi(document: Document) -> None:
    validate(dict(document.root))


@each_document
def test_a_document_has_no_template_marks_that_a_loader_would_render(document: Document) -> None:
    assert re.findall(r"\{\{|\{%|\{#", document.text) == []


@each_document
def test_a_document_means_the_same_to_readers_of_either_yaml_version(document: Document) -> None:
    enumerations = [(where, schema["enum"]) for where, schema in document.schemas() if "enum" in schema]

    assert [where for where, values in enumerations if not all(isinstance(value, str | None) for value in values)] == []
    assert BARE_TRUTH_VALUES.findall(document.text) == []


@each_document
def test_every_reference_leads_somewhere_and_every_component_is_used(document: Document) -> None:
    used = set(_references(document.root))

    found = [document.resolve({"$ref": reference}) for reference in used]

    assert all(isinstance(each, Mapping) for each in found)
    defined = {
        f"#/components/{kind}/{name}"
        for kind, entries in document.root["components"].items() if kind != "securitySchemes" for name in entries}
    assert defined - used == set()


def test_operation_ids_are_unique_and_plain_names_that_generated_clients_call_their_functions_by() -> None:
    ids = [operation.operation_id for operation in OPERATIONS]

    assert [each for each, times in Counter(ids).items() if times > 1] == []
    assert [each for each in ids if not PLAIN_NAME.fullmatch(each)] == []


def test_the_thirty_reference_operations_are_there() -> None:
    present = {f"{operation.method.upper()} {operation.path}" for operation in CI.operations}

    assert len(REFERENCE_OPERATIONS) == 30
    assert REFERENCE_OPERATIONS - present == set()


@each_operation
def test_only_the_callers_own_tokens_need_no_scope(operation: Operation) -> None:
    without = operation.operation_id in WITHOUT_SCOPE or operation.document.name == MACHINES
    assert (operation.secured and operation.scope is None) == without


@each_operation
def test_what_extensions_say_is_known_to_the_code_that_reads_them(operation: Operation) -> None:
    scopes = SCOPES | (PLATFORM_SCOPES if operation.document.name == "openapi-platform-api.yaml" else set())

    assert operation.scope is None or operation.scope in scopes
    assert set(operation.roles) <= {"admin", "contributor", "tester", "user"}
    assert operation.raw.get("x-rate-bucket", "reads") in BUCKETS
    assert operation.raw.get("x-native-async", True) is True
    assert operation.raw.get("x-metrics-token", True) is True


def test_a_role_has_an_exception_for_own_forks_and_own_runs_alone() -> None:
    exceptions = {operation.operation_id: operation.role_exception for operation in OPERATIONS if operation.role_exception}

    assert exceptions == {
        "create_run": "own_fork",
        "cancel_run": "own_run",
        "retry_run": "own_run",
        "platform_create_run": "own_fork",
        "platform_cancel_run": "own_run",
    }


def test_no_scope_stands_in_the_security_requirement_of_a_bearer_token() -> None:
    stated = [operation.raw["security"] for operation in CI.operations if operation.raw.get("security")]
    requirements = [CI.root["security"], *stated]

    assert all(requirement == [{"bearerAuth": []}] for requirement in requirements)


def test_login_health_and_signed_addresses_are_the_only_operations_of_the_ci_api_for_everybody() -> None:
    public = {operation.operation_id for operation in CI.operations if not operation.secured}

    assert public == {"create_token", "get_health", "download_file"}


def test_run_errors_are_words_and_not_truth_values() -> None:
    assert CI.root["components"]["schemas"]["Run"]["properties"]["run_errors"]["enum"] == ["yes", "no", "unknown"]


def test_every_answer_to_a_worker_is_text() -> None:
    kinds = {kind for operation in WORKER.operations for response in operation.responses.values() for kind in response.content}

    assert kinds == {"text/plain"}


def test_both_addresses_of_the_progress_reporter_say_the_same() -> None:
    path = "/progress-reporter/{run_id}/{token}"
    named = {"operationId": "", "summary": ""}

    found = {each.path: {**each.raw, **named} for each in WORKER.operations}

    assert found[path] == found["/ci" + path]
