"""The documents' examples: there is one wherever a reader looks for it, and each is what it shows."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contract.documents import Document, Operation, load_documents
from contract.schemas import faults, validator

DOCUMENTS = load_documents()
OPERATIONS = [operation for document in DOCUMENTS for operation in document.operations]

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)


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
    successes = {status: response for status, response in operation.responses.items() if status < "300"}
    contents = {f"{status} {kind}": media for status, response in successes.items() for kind, media in response.content.items()}
    contents |= {f"body {kind}": media for kind, media in (operation.body or {}).get("content", {}).items()}

    assert [where for where, media in contents.items() if not _media_examples(media)] == []


@each_document
def test_every_default_is_allowed_by_its_own_schema(document: Document) -> None:
    wrong = {
        where: found for where, schema in document.schemas()
        if "default" in schema and (found := faults(validator(document, schema), schema["default"]))}

    assert wrong == {}
