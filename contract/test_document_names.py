"""What generators of clients make names and types of: each is named, described, and means one thing in all documents."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest

from contract.documents import EVENT, MACHINES, Document, Operation, load_documents

DOCUMENTS = load_documents()
OPERATIONS = [operation for document in DOCUMENTS for operation in document.operations]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
COMPONENT = re.compile(r"[A-Z][A-Za-z0-9]*")
NOT_A_LETTER = re.compile(r"[^a-z0-9]")
# Components whose name says what they are; responses differ in their examples, and what a refusal says of a document's own things.
SHARED = ("schemas", "headers", "parameters", "securitySchemes")
FILES = {"format": "binary"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)


def _components(document: Document, kind: str) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = document.root["components"].get(kind, {})
    return found


@each_document
def test_every_named_schema_has_a_title_of_its_own_words_and_a_description(document: Document) -> None:
    schemas = _components(document, "schemas")

    assert [name for name in schemas if not COMPONENT.fullmatch(name)] == []
    assert [name for name, schema in schemas.items() if NOT_A_LETTER.sub("", schema.get("title", "").lower()) != name.lower()] == []
    assert [name for name, schema in schemas.items() if not schema.get("description", "").strip()] == []


@each_document
def test_every_property_is_described_where_it_stands_or_where_it_is_named(document: Document) -> None:
    lacking = [
        f"{where}.{name}" for where, schema in document.schemas() for name, child in schema.get("properties", {}).items()
        if not document.resolve(child).get("description", "").strip()]

    assert lacking == []


@each_document
def test_every_object_with_properties_is_named(document: Document) -> None:
    named = set(_components(document, "schemas"))

    objects = [where for where, schema in document.schemas() if "properties" in schema and not where.endswith(EVENT)]

    assert [where for where in objects if where not in named] == []


@each_document
def test_every_value_of_an_enumeration_is_a_name_or_has_one(document: Document) -> None:
    def unnamed(schema: Mapping[str, Any]) -> bool:
        values = [each for each in schema["enum"] if each is not None]
        names = schema.get("x-enum-varnames", values)
        fit = all(NAME.fullmatch(name) for name in names) and len({name.upper() for name in names}) == len(names)
        return not fit or ("x-enum-varnames" in schema and len(names) != len(schema["enum"]))

    assert [where for where, schema in document.schemas() if "enum" in schema and unnamed(schema)] == []


@pytest.mark.parametrize(("one", "other"), list(combinations(DOCUMENTS, 2)), ids=lambda document: document.name)
def test_what_has_the_same_name_in_two_documents_is_the_same(one: Document, other: Document) -> None:
    def different(kind: str) -> Iterator[str]:
        first, second = _components(one, kind), _components(other, kind)
        return (f"{kind}/{name}" for name in first.keys() & second.keys() if first[name] != second[name])

    assert [name for kind in SHARED for name in different(kind)] == []


def test_documents_share_their_refusals_instants_and_places_in_lists() -> None:
    others = "openapi-worker.yaml", MACHINES
    schemas = {document.name: set(_components(document, "schemas")) for document in DOCUMENTS if document.name not in others}
    shared = {"ErrorResponse", "ErrorDetails", "CursorPagination"}
    # Which has no streams, and writes instants as it always did.
    platform = schemas.pop("openapi-platform-api.yaml")

    assert shared <= platform
    assert shared | {"Instant", "EventStream"} <= set.intersection(*schemas.values())


@each_operation
def test_streams_are_texts_and_files_are_bytes_so_that_no_generated_client_reads_them_as_more(operation: Operation) -> None:
    for kind, media in (each for response in operation.responses.values() for each in response.content.items()):
        schema = operation.document.resolve(media["schema"])
        if kind == "text/event-stream":
            assert schema["type"] == "string"
            assert media[EVENT]["type"] == "object"
        elif kind not in ("application/json", "text/plain") and not kind.startswith("text/plain;"):
            assert {"format": schema.get("format")} == FILES


@each_operation
def test_every_page_of_a_list_says_where_the_next_one_is_and_nothing_else_does(operation: Operation) -> None:
    def is_page(content: Mapping[str, Mapping[str, Any]]) -> bool:
        schema = operation.document.resolve(content.get("application/json", {}).get("schema", {}))
        return "pagination" in schema.get("properties", {}) or schema.get("type") == "array"

    pages = {status for status, response in operation.responses.items() if is_page(response.content)}

    assert {status for status, response in operation.responses.items() if "Link" in response.headers} == pages


@each_operation
def test_a_list_takes_the_names_of_its_items_members_where_several_may_be_left_out(operation: Operation) -> None:
    item = _item_of_a_page(operation)
    members = list(item.get("properties", {}))
    may_lack = {*members} - {*item.get("required", ())} - {"altered_fields"}

    found = [each for each in operation.parameters if each["name"] == "fields"]

    assert len(found) == (len(may_lack) >= 4)
    for fields in found:
        assert (fields["in"], fields["style"], fields["explode"]) == ("query", "form", False)
        assert (fields["schema"]["items"]["enum"], fields["schema"]["maxItems"]) == (members, len(members))


def _item_of_a_page(operation: Operation) -> Mapping[str, Any]:
    contents = [response.content for status, response in operation.responses.items() if status == "200"]
    schema = contents[0].get("application/json", {}).get("schema", {}) if contents else {}
    page = operation.document.resolve(schema).get("properties", {})
    return operation.document.resolve(page["data"]["items"]) if "pagination" in page else {}
