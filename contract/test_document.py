"""The documents themselves: valid, bounded, complete, and of one mind."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from contract.documents import Document, Operation, load_documents
from contract.schemas import faults, to_json_schema, validator

DOCUMENTS = load_documents()
OPERATIONS = [operation for document in DOCUMENTS for operation in document.operations]
CI = next(document for document in DOCUMENTS if document.name == "openapi-ci-api.yaml")
WORKER = next(document for document in DOCUMENTS if document.name == "openapi-worker.yaml")

STAMPS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-Id"}
SCOPES = {"runs:read", "runs:write", "results:read", "baselines:write", "system:read"}
BUCKETS = {"reads", "writes", "logins", "anonymous", "worker"}
LARGEST_ID = 2**31 - 1
LARGEST_SIZE = 2**63 - 1
# The caller's own tokens: whoever shows a valid one may see and end them, whatever it was issued for.
WITHOUT_SCOPE = {"api.handlers.auth.list_tokens", "api.handlers.auth.revoke_current_token", "api.handlers.auth.revoke_token"}
# Workers send -1 for an output that they do not know; that is benign.
IDS_BELOW_ONE = {"test_file_id"}
VERSIONED = {
    "api.handlers.runs.get_run", "api.handlers.runs.get_run_summary", "api.handlers.runs.list_progress", "api.handlers.runs.get_run_config"}
REFERENCE_OPERATIONS = {
    "POST /auth/tokens", "DELETE /auth/tokens/current", "GET /runs", "POST /runs", "GET /runs/{run_id}", "GET /runs/{run_id}/summary",
    "GET /runs/{run_id}/progress", "POST /runs/{run_id}/cancel", "POST /runs/{run_id}/retry", "GET /runs/{run_id}/config",
    "GET /runs/{run_id}/samples", "GET /runs/{run_id}/samples/{sample_id}", "GET /samples", "GET /samples/{sample_id}",
    "GET /samples/{sample_id}/history", "GET /regression-tests", "GET /runs/{run_id}/samples/{sample_id}/expected",
    "GET /runs/{run_id}/samples/{sample_id}/actual", "GET /runs/{run_id}/samples/{sample_id}/diff",
    "POST /runs/{run_id}/samples/{sample_id}/baseline-approval", "GET /runs/{run_id}/errors", "GET /runs/{run_id}/infrastructure-errors",
    "GET /runs/{run_id}/logs", "GET /runs/{run_id}/samples/{sample_id}/logs", "GET /runs/{run_id}/error-summary", "GET /system/health",
    "GET /system/queue", "GET /branches", "GET /environments", "GET /runs/{run_id}/artifacts"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)


def _named_schemas(document: Document, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((where, schema) for where, schema in document.schemas() if schema.get("type") == kind)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)


def _media_examples(media: Mapping[str, Any]) -> list[Any]:
    single = [media["example"]] if "example" in media else []
    return single + [each["value"] for each in media.get("examples", {}).values()]


def _examples(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Where an example stands, the schema it is of, and the example."""
    for media_type, media in (operation.body or {}).get("content", {}).items():
        yield from ((f"body {media_type}", media["schema"], example) for example in _media_examples(media))
    for status, response in operation.responses.items():
        for media in response.content.values():
            yield from ((status, media["schema"], example) for example in _media_examples(media))
    for parameter in operation.parameters:
        yield from ((parameter["name"], parameter["schema"], example) for example in _media_examples(parameter))


@each_document
def test_a_document_is_valid_openapi(document: Document) -> None:
    validate(dict(document.root))


@each_document
def test_a_document_has_no_template_marks_that_a_loader_would_render(document: Document) -> None:
    assert re.findall(r"\{\{|\{%|\{#", document.text) == []


@each_document
def test_a_document_means_the_same_to_readers_of_either_yaml_version(document: Document) -> None:
    enumerations = [(where, schema["enum"]) for where, schema in document.schemas() if "enum" in schema]

    assert [where for where, values in enumerations if not all(isinstance(value, str) for value in values)] == []
    assert re.findall(r"(?m)^\s*(?:-\s+)?(?:yes|no|on|off):|[:\[,]\s+(?:yes|no|on|off|Yes|No|On|Off)\s*[,\]\n]", document.text) == []


@each_document
def test_every_reference_leads_somewhere_and_every_component_is_used(document: Document) -> None:
    used = set(_references(document.root))

    for reference in used:
        document.resolve({"$ref": reference})

    defined = {
        f"#/components/{kind}/{name}"
        for kind, entries in document.root["components"].items() if kind != "securitySchemes" for name in entries}
    assert defined - used == set()


@each_document
def test_every_string_has_an_end(document: Document) -> None:
    assert [where for where, schema in _named_schemas(document, "string") if "enum" not in schema and "maxLength" not in schema] == []


@each_document
def test_every_array_has_an_end(document: Document) -> None:
    assert [where for where, schema in _named_schemas(document, "array") if "maxItems" not in schema] == []


@each_document
def test_every_number_has_both_bounds(document: Document) -> None:
    numbers = [*_named_schemas(document, "integer"), *_named_schemas(document, "number")]

    assert [where for where, schema in numbers if "maximum" not in schema or "minimum" not in schema] == []
    assert [where for where, schema in numbers if schema["maximum"] > LARGEST_SIZE] == []


@each_document
def test_every_id_starts_at_one_and_fits_the_database(document: Document) -> None:
    ids = [
        (where, document.resolve(schema)) for where, schema in document.schemas()
        if re.search(r"[./](\w+_id|pull_request)$", where) and not where.endswith(tuple(IDS_BELOW_ONE))]
    numbers = [(where, schema) for where, schema in ids if schema.get("type") == "integer"]

    assert numbers
    assert [where for where, schema in numbers if (schema.get("minimum"), schema.get("maximum")) != (1, LARGEST_ID)] == []


@each_document
def test_every_offset_fits_the_database(document: Document) -> None:
    offsets = [(where, document.resolve(schema)) for where, schema in document.schemas() if re.search(r"[./](next_)?offset$", where)]

    assert [where for where, schema in offsets if (schema.get("minimum"), schema.get("maximum")) != (0, LARGEST_ID)] == []


@each_operation
def test_a_request_body_is_closed(operation: Operation) -> None:
    def open_objects(schema: Mapping[str, Any], where: str) -> Iterator[str]:
        schema = operation.document.resolve(schema)
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            yield where
        for name, child in schema.get("properties", {}).items():
            yield from open_objects(child, f"{where}.{name}")
        if "items" in schema:
            yield from open_objects(schema["items"], f"{where}[]")

    contents = (operation.body or {}).get("content", {})

    assert [where for kind, media in contents.items() for where in open_objects(media["schema"], kind)] == []


PATTERNS = sorted({schema["pattern"] for document in DOCUMENTS for _, schema in document.schemas() if "pattern" in schema})


@given(st.sampled_from(PATTERNS).flatmap(lambda pattern: st.tuples(st.just(pattern), st.from_regex(to_json_schema({"pattern": pattern})["pattern"]))))
def test_no_pattern_accepts_a_newline_at_the_end(drawn: tuple[str, str]) -> None:
    pattern, accepted = drawn
    checker = validator(CI, {"type": "string", "pattern": pattern})

    assert faults(checker, accepted) == []
    assert faults(checker, accepted + "\n") != []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_speaks_of_the_whole_text(pattern: str) -> None:
    assert pattern.startswith("^") and pattern.endswith("$")


@each_operation
def test_every_example_is_one(operation: Operation) -> None:
    wrong = {
        where: found for where, schema, example in _examples(operation)
        if (found := faults(validator(operation.document, schema, closed=True), example))}

    assert wrong == {}


@each_document
def test_every_example_in_a_schema_is_one(document: Document) -> None:
    wrong = {
        where: found for where, schema in document.schemas()
        if "example" in schema and (found := faults(validator(document, schema), schema["example"]))}

    assert wrong == {}


@each_operation
def test_every_body_and_every_success_with_a_body_has_an_example(operation: Operation) -> None:
    contents = {f"{status} {kind}": media for status, response in operation.responses.items() if status < "300"
                for kind, media in response.content.items()}
    contents |= {f"body {kind}": media for kind, media in (operation.body or {}).get("content", {}).items()}

    assert [where for where, media in contents.items() if not _media_examples(media)] == []


@each_document
def test_every_default_is_allowed_by_its_own_schema(document: Document) -> None:
    wrong = {
        where: found for where, schema in document.schemas()
        if "default" in schema and (found := faults(validator(document, schema), schema["default"]))}

    assert wrong == {}


def test_operation_ids_are_unique_and_name_a_function_of_a_handler_module() -> None:
    ids = [operation.operation_id for operation in OPERATIONS]

    assert [each for each, times in Counter(ids).items() if times > 1] == []
    assert [each for each in ids if not re.fullmatch(r"api\.handlers\.[a-z]+\.[a-z_]+", each)] == []


def test_the_thirty_reference_operations_are_there() -> None:
    present = {f"{operation.method.upper()} {operation.path}" for operation in CI.operations}

    assert len(REFERENCE_OPERATIONS) == 30
    assert REFERENCE_OPERATIONS - present == set()


@each_operation
def test_every_status_that_can_be_sent_is_declared(operation: Operation) -> None:
    expected = {"400", "429", "500", "503"}
    expected |= {"401"} if operation.secured else set()
    expected |= {"403"} if operation.scope else set()
    expected |= {"404"} if operation.secured and any(each["in"] == "path" for each in operation.parameters) else set()
    expected |= {"413", "415"} if "application/json" in (operation.body or {}).get("content", {}) else set()

    assert expected - set(operation.responses) == set()


@each_operation
def test_every_answer_has_the_rate_limit_and_the_request_id_in_its_headers(operation: Operation) -> None:
    assert {status: STAMPS - response.required_headers for status, response in operation.responses.items()
            if STAMPS - response.required_headers} == {}


@each_operation
def test_answers_that_a_client_reacts_to_say_how(operation: Operation) -> None:
    wanted = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}

    assert [status for status, header in wanted.items()
            if status in operation.responses and header not in operation.responses[status].required_headers] == []
    assert operation.document is WORKER or "WWW-Authenticate" in operation.responses.get("403", operation.responses["429"]).headers \
        or "403" not in operation.responses


@each_operation
def test_a_run_and_its_parts_have_versions_and_nothing_else_has(operation: Operation) -> None:
    conditional = any(each["name"] == "If-None-Match" for each in operation.parameters)
    tagged = {status for status, response in operation.responses.items() if "ETag" in response.required_headers}

    assert conditional == (operation.operation_id in VERSIONED)
    assert tagged == ({"200", "304"} if conditional else set())


@each_operation
def test_an_answer_without_content_is_one_that_can_have_none(operation: Operation) -> None:
    empty = {status for status, response in operation.responses.items() if not response.content}

    assert empty <= {"204", "304"}


@each_operation
def test_only_the_callers_own_tokens_need_no_scope(operation: Operation) -> None:
    assert (operation.secured and operation.scope is None) == (operation.operation_id in WITHOUT_SCOPE)


@each_operation
def test_what_extensions_say_is_known_to_the_code_that_reads_them(operation: Operation) -> None:
    assert operation.scope is None or operation.scope in SCOPES
    assert set(operation.roles) <= {"admin", "contributor", "tester", "user"}
    assert operation.raw.get("x-rate-bucket", "reads") in BUCKETS
    assert operation.raw.get("x-native-async", True) is True


def test_a_role_has_an_exception_for_own_forks_and_own_runs_alone() -> None:
    exceptions = {operation.operation_id: operation.role_exception for operation in OPERATIONS if operation.role_exception}

    assert exceptions == {
        "api.handlers.runs.create_run": "own_fork", "api.handlers.runs.cancel_run": "own_run", "api.handlers.runs.retry_run": "own_run"}


def test_no_scope_stands_in_the_security_requirement_of_a_bearer_token() -> None:
    requirements = [CI.root["security"], *(operation.raw["security"] for operation in CI.operations if operation.raw.get("security"))]

    assert all(requirement == [{"bearerAuth": []}] for requirement in requirements)


def test_login_and_health_are_the_only_operations_of_the_ci_api_for_everybody() -> None:
    public = {operation.operation_id for operation in CI.operations if not operation.secured}

    assert public == {"api.handlers.auth.create_token", "api.handlers.system.get_health"}


def test_run_errors_are_words_and_not_truth_values() -> None:
    assert CI.root["components"]["schemas"]["Run"]["properties"]["run_errors"]["enum"] == ["yes", "no", "unknown"]


@each_operation
def test_a_link_leads_to_an_operation_and_names_parameters_that_it_has(operation: Operation) -> None:
    targets = {each.operation_id: {parameter["name"] for parameter in each.parameters} for each in OPERATIONS}
    links = [link for status in operation.raw["responses"].values() for link in status.get("links", {}).values()]

    assert [link["operationId"] for link in links if not set(link["parameters"]) <= targets.get(link["operationId"], set())] == []


@each_operation
def test_a_link_takes_its_values_from_where_the_example_has_some(operation: Operation) -> None:
    for response in operation.raw["responses"].values():
        for link in response.get("links", {}).values():
            for expression in link["parameters"].values():
                found: Any = response["content"]["application/json"]["example"]
                for part in expression.removeprefix("$response.body#/").split("/"):
                    found = found[int(part)] if isinstance(found, list) else found[part]

                assert found is not None


def test_every_answer_to_a_worker_is_text() -> None:
    kinds = {kind for operation in WORKER.operations for response in operation.responses.values() for kind in response.content}

    assert kinds == {"text/plain"}


def test_both_addresses_of_the_progress_reporter_say_the_same() -> None:
    long, short = (next(each.raw for each in WORKER.operations if each.path == prefix + "/progress-reporter/{run_id}/{token}") for prefix in ("/ci", ""))
    named = {"operationId", "summary"}

    assert {key: value for key, value in long.items() if key not in named} == {key: value for key, value in short.items() if key not in named}
