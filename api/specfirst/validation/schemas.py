"""Translates OpenAPI 3.0 schemas into JSON Schema draft 4."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Words about a schema, and what Connexion grafts onto it; none of them constrains an instance.
_NO_CONSTRAINT = frozenset({
    "components", "deprecated", "description", "discriminator", "example", "externalDocs", "nullable", "readOnly", "title",
    "writeOnly", "xml"})
_ONE = frozenset({"items", "not"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_MAPS = frozenset({"properties", "patternProperties"})
# What breaks one of these is looked at no further; the plain engine judges in the order of a schema's keywords.
SIZES = frozenset({"type", "maxLength", "maxItems", "maxProperties"})


def draft4(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a schema without references into draft 4. Keywords that draft 4 does not have are dropped, names of properties kept."""
    written: dict[str, Any] = {}
    for key, value in sorted(schema.items(), key=lambda item: item[0] not in SIZES):
        if key in _MAPS:
            written[key] = {name: draft4(each) for name, each in value.items()}
        elif key in _LISTS:
            written[key] = [draft4(each) for each in value]
        elif key in _ONE or (key == "additionalProperties" and isinstance(value, dict)):
            written[key] = draft4(value)
        elif key not in _NO_CONSTRAINT and not key.startswith("x-"):
            written[key] = value
    return _with_null(written) if schema.get("nullable") else written


def _with_null(written: dict[str, Any]) -> dict[str, Any]:
    # In OpenAPI 3.0, nullable widens the type beside it; it says nothing where there is no type.
    if "type" not in written:
        return written
    widened = {**written, "type": [written["type"], "null"]}
    if "enum" in written and None not in written["enum"]:
        widened["enum"] = [*written["enum"], None]
    return widened
