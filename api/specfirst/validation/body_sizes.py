"""Computes the size of the largest body that a schema allows."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A character beyond the first 65,536 is two escapes in JSON, or four bytes with a percent sign each in a form.
_BYTES_A_CHARACTER = 12
# Such texts are ASCII, of which at worst each character has a backslash before it, or is percent-encoded.
_ASCII_FORMATS = frozenset({"date", "date-time", "email", "uri"})
_BYTES_AN_ASCII_CHARACTER = 3
# A word of the document, such as a name, may be written in escapes too.
_BYTES_A_CHARACTER_OF_OURS = 6
_MAX_NUMBER_LENGTH = 32
# Quotes, colon and comma, a line break and the indentation after it.
_AROUND_A_VALUE = 16
_PAGE = 4096


class Unbounded(Exception):
    """Raised for a schema that does not limit the size of a body. The message names the place in the schema."""


def largest_body(schema: Mapping[str, Any]) -> int:
    """The size in bytes of the largest body, as JSON or as a form, rounded up to whole pages of 4,096. Raises Unbounded."""
    return -(-_largest(schema, "body") // _PAGE) * _PAGE


def _largest(schema: Mapping[str, Any], where: str) -> int:
    branches = [_largest(each, where) for keyword in ("oneOf", "anyOf") for each in schema.get(keyword, ())]
    if branches:
        return max(branches)
    if "enum" in schema:
        return _AROUND_A_VALUE + max(len(str(option)) for option in schema["enum"]) * _BYTES_A_CHARACTER_OF_OURS
    match schema.get("type"):
        case "object":
            return _largest_object(schema, where)
        case "array":
            return _AROUND_A_VALUE + _bound(schema, "maxItems", where) * _largest(schema["items"], f"{where}[]")
        case "string":
            width = _BYTES_AN_ASCII_CHARACTER if schema.get("format") in _ASCII_FORMATS else _BYTES_A_CHARACTER
            return _AROUND_A_VALUE + _bound(schema, "maxLength", where) * width
        case "integer" | "number" | "boolean":
            return _AROUND_A_VALUE + _MAX_NUMBER_LENGTH
    raise Unbounded(f"{where} has no type")


def _largest_object(schema: Mapping[str, Any], where: str) -> int:
    if schema.get("additionalProperties") is not False:
        raise Unbounded(f"{where} allows properties that it does not name")
    return _AROUND_A_VALUE + sum(
        _AROUND_A_VALUE + len(name) * _BYTES_A_CHARACTER_OF_OURS + _largest(each, f"{where}.{name}")
        for name, each in schema.get("properties", {}).items())


def _bound(schema: Mapping[str, Any], keyword: str, where: str) -> int:
    if keyword not in schema:
        raise Unbounded(f"{where} has no {keyword}")
    return int(schema[keyword])
