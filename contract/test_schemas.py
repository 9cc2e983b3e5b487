"""The conversion of OpenAPI's schemas: null, closed objects, formats, and the end of a text."""
from __future__ import annotations

from typing import Any

import pytest

from contract.documents import Document
from contract.schemas import faults, to_json_schema, validator

DOCUMENT = Document("none", "/", """
components:
  schemas:
    Thing:
      type: object
      properties: {id: {type: integer, minimum: 1}}
""")


def accepts(schema: dict[str, Any], value: object, **how: bool) -> bool:
    return not faults(validator(DOCUMENT, schema, **how), value)


def test_nullable_adds_null_to_type_and_enumeration() -> None:
    schema = {"type": "string", "enum": ["a"], "nullable": True}

    assert accepts(schema, None)
    assert accepts(schema, "a")
    assert not accepts(schema, "b")


def test_a_property_may_have_the_name_of_a_keyword() -> None:
    named = {"nullable": {"type": "boolean"}, "example": {"type": "integer"}}
    schema = {"type": "object", "properties": named, "additionalProperties": False}

    assert accepts(schema, {"nullable": True, "example": 1})
    assert not accepts(schema, {"example": "1"})


def test_closed_forbids_what_is_not_named_also_behind_a_reference() -> None:
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}

    assert accepts(schema, [{"id": 1, "more": 2}])
    assert not accepts(schema, [{"id": 1, "more": 2}], closed=True)
    assert not accepts({"$ref": "#/components/schemas/Thing"}, {"id": 1, "more": 2}, closed=True)


def test_closed_leaves_open_what_says_so() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": True}

    assert accepts(schema, {"a": 1, "b": 2}, closed=True)


def test_a_dollar_that_is_escaped_stays_a_dollar() -> None:
    assert to_json_schema({"pattern": r"^a\$"})["pattern"] == r"^a\$"


@pytest.mark.parametrize(("kind", "value", "good"), [
    ("date-time", "2026-11-21T10:00:00Z", True),
    ("date-time", "2026-11-21T10:00:00.123456789+05:30", True),
    ("date-time", "2026-11-21T10:00:00", False),
    ("date-time", "2026-02-30T10:00:00Z", False),
    ("date-time", "2026-11-21T10:00:00Z\n", False),
    ("email", "ada@example.org", True),
    ("email", "ada", False),
    ("email", "a b@example.org", False),
    ("uri", "https://example.org/a?b=c", True),
    ("uri", "/a", False),
    ("uri", "https://example.org/a b", False),
])
def test_formats_are_checked(kind: str, value: str, good: bool) -> None:
    assert accepts({"type": "string", "format": kind}, value) == good


@pytest.mark.parametrize("kind", ["date-time", "email", "uri"])
def test_a_format_says_nothing_of_what_is_no_text(kind: str) -> None:
    assert accepts({"format": kind}, 1)
