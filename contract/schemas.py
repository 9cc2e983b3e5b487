"""OpenAPI 3.0 schemas as validators: converted to JSON Schema draft 4, formats checked, `$` the end of the text."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft4Validator, FormatChecker

from contract.documents import Document

FORMATS = FormatChecker(formats=())
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*\Z")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
ANNOTATIONS = frozenset({"nullable", "example", "discriminator", "xml", "externalDocs", "deprecated", "readOnly", "writeOnly"})


@FORMATS.checks("date-time")
def _is_instant(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return bool(INSTANT.match(value)) and _is_readable(value)


def _is_readable(value: str) -> bool:
    try:
        datetime.fromisoformat(re.sub(r"\.\d+", "", value))
    except ValueError:
        return False
    return True


@FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or EMAIL.match(value) is not None


@FORMATS.checks("uri", raises=ValueError)
def _is_absolute_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return bool(parts.scheme and parts.netloc) and value.isascii() and not re.search(r"[\s<>\"{}|\\^`]", value)


def to_json_schema(schema: Mapping[str, Any], *, closed: bool = False) -> dict[str, Any]:
    """The schema in JSON Schema's words. `closed` also forbids properties that it does not name."""
    converted = {key: _keyword(key, value, closed) for key, value in schema.items() if key not in ANNOTATIONS}
    if schema.get("nullable"):
        _allow_null(converted)
    if closed and "properties" in schema:
        converted.setdefault("additionalProperties", False)
    return converted


def _keyword(key: str, value: Any, closed: bool) -> Any:
    match key:
        case "properties":
            return {name: to_json_schema(child, closed=closed) for name, child in value.items()}
        case "items" | "not" | "additionalProperties" if isinstance(value, Mapping):
            return to_json_schema(value, closed=closed)
        case "allOf" | "anyOf" | "oneOf":
            return [to_json_schema(child, closed=closed) for child in value]
        case "pattern":
            return re.sub(r"(?<!\\)\$$", r"\\Z", value)
        case _:
            return value


def _allow_null(converted: dict[str, Any]) -> None:
    if "type" in converted:
        converted["type"] = [converted["type"], "null"]
    if "enum" in converted:
        converted["enum"] = [*converted["enum"], None]


def validator(document: Document, schema: Mapping[str, Any], *, closed: bool = False) -> Draft4Validator:
    """A validator for a schema of the document, whose references are followed within it."""
    shared = document.root.get("components", {}).get("schemas", {})
    converted = to_json_schema(schema, closed=closed)
    if "$ref" in converted:
        converted = {"allOf": [converted]}
    converted["components"] = {"schemas": {name: to_json_schema(child, closed=closed) for name, child in shared.items()}}
    return Draft4Validator(converted, format_checker=FORMATS)


def faults(checker: Draft4Validator, value: object) -> list[str]:
    """What is wrong with a value, each with its place; empty when nothing is."""
    return sorted(f"{_place(error.absolute_path)}: {error.message[:300]}" for error in checker.iter_errors(value))


def _place(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path)) or "the whole"
