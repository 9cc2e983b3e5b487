"""The messages of violations. They never contain anything that the client sent."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api.specfirst.validation.violations import Violation

_TYPES = {
    "integer": "an integer", "number": "a number", "string": "a string", "boolean": "true or false", "array": "an array",
    "object": "an object", "null": "null"}

_WORDS: Mapping[str, Callable[[Any], str]] = {
    "additionalProperties": lambda _: "Unknown property.",
    "enum": lambda options: f"Must be one of {', '.join(_shown(option) for option in options if option != '')}.",
    "format": lambda name: f"Must be a valid {name}.",
    "maximum": lambda limit: f"Must be at most {limit}.",
    "maxItems": lambda limit: f"Must have at most {limit} items.",
    "maxLength": lambda limit: f"Must have at most {limit} characters.",
    "maxProperties": lambda limit: f"Must have at most {limit} properties.",
    "minimum": lambda limit: f"Must be at least {limit}.",
    "minItems": lambda limit: f"Must have at least {limit} items.",
    "minLength": lambda limit: f"Must have at least {limit} characters.",
    "minProperties": lambda limit: f"Must have at least {limit} properties.",
    "pattern": lambda pattern: f"Must match the pattern {pattern}",
    "repeated": lambda _: "Must be given once.",
    "required": lambda _: "Missing required property.",
    "type": lambda kinds: f"Must be {' or '.join(_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))}.",
    "uniqueItems": lambda _: "Items must be unique.",
}


def words(violation: Violation) -> str:
    """The message of a violation: a sentence for the client."""
    word = _WORDS.get(violation.keyword)
    return word(violation.expected) if word else "Must have one of the forms that the document describes."


def _shown(option: Any) -> str:
    return "null" if option is None else str(option).lower() if isinstance(option, bool) else str(option)
