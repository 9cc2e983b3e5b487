"""What the documents say of values: every one is bounded, every body closed, every pattern of the whole text."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.documents import Document, Operation, load_documents
from contract.schemas import faults, to_json_schema, validator

DOCUMENTS = load_documents()
OPERATIONS = [operation for document in DOCUMENTS for operation in document.operations]
MAX_ID = 2**31 - 1
LARGEST_SIZE = 2**63 - 1
# Workers send -1 for an output that they do not know; that is benign.
IDS_BELOW_ONE = {"test_file_id"}
# The one document whose only ids are UUIDs.
UUIDS = "openapi-jobs.yaml"
PATTERNS = sorted({schema["pattern"] for document in DOCUMENTS for _, schema in document.schemas() if "pattern" in schema})

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)


def _of_type(document: Document, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((where, schema) for where, schema in document.schemas() if schema.get("type") == kind)


@each_document
def test_every_string_has_an_end(document: Document) -> None:
    endless = [where for where, schema in _of_type(document, "string") if not {"enum", "maxLength"} & set(schema)]

    assert endless == []


@each_document
def test_every_array_has_an_end(document: Document) -> None:
    assert [where for where, schema in _of_type(document, "array") if "maxItems" not in schema] == []


@each_document
def test_every_number_has_both_bounds(document: Document) -> None:
    numbers = [*_of_type(document, "integer"), *_of_type(document, "number")]

    assert [where for where, schema in numbers if "maximum" not in schema or "minimum" not in schema] == []
    assert [where for where, schema in numbers if schema["maximum"] > LARGEST_SIZE] == []


@each_document
def test_every_id_starts_at_one_and_fits_the_database(document: Document) -> None:
    ids = [
        (where, document.resolve(schema)) for where, schema in document.schemas()
        if re.search(r"[./](\w+_id|pull_request)$", where) and not where.endswith(tuple(IDS_BELOW_ONE))]
    numbers = [(where, schema) for where, schema in ids if schema.get("type") == "integer"]

    assert ids
    assert numbers or document.name == UUIDS
    assert [where for where, schema in numbers if (schema.get("minimum"), schema.get("maximum")) != (1, MAX_ID)] == []


@each_document
def test_every_offset_fits_the_database(document: Document) -> None:
    named = [(where, schema) for where, schema in document.schemas() if re.search(r"[./](next_)?offset$", where)]
    offsets = [(where, document.resolve(schema)) for where, schema in named]

    assert [where for where, schema in offsets if (schema.get("minimum"), schema.get("maximum")) != (0, MAX_ID)] == []


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


def _accepted_by(pattern: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(pattern), st.from_regex(to_json_schema({"pattern": pattern})["pattern"]))


@given(st.sampled_from(PATTERNS).flatmap(_accepted_by))
def test_no_pattern_accepts_a_newline_at_the_end(drawn: tuple[str, str]) -> None:
    pattern, accepted = drawn
    checker = validator(DOCUMENTS[0], {"type": "string", "pattern": pattern})

    assert faults(checker, accepted) == []
    assert faults(checker, accepted + "\n") != []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_speaks_of_the_whole_text(pattern: str) -> None:
    assert pattern.startswith("^") and pattern.endswith("$")
