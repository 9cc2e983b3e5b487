"""Violations in our own words: what was sent is never repeated, only where it stood."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from api.middleware.engines import Violation

MOST_FIELDS = 100
_LONGEST_NAME = 200
_LONGEST_WORDS = 300
_TYPES = {
    "integer": "an integer", "number": "a number", "string": "a string", "boolean": "true or false", "array": "an array",
    "object": "an object", "null": "null"}

_WORDS: Mapping[str, Callable[[Any], str]] = {
    "additionalProperties": lambda _: "Unknown property.",
    "enum": lambda options: f"Must be one of {', '.join(_shown(option) for option in options)}.",
    "format": lambda name: f"Must be a valid {name}.",
    "maximum": lambda limit: f"Must be at most {limit}.",
    "maxItems": lambda limit: f"Must have at most {limit} items.",
    "maxLength": lambda limit: f"Must have at most {limit} characters.",
    "maxProperties": lambda limit: f"Must have at most {limit} properties.",
    "minimum": lambda limit: f"Must be at least {limit}.",
    "minItems": lambda limit: f"Must have at least {limit} items.",
    "minLength": lambda limit: f"Must have at least {limit} characters.",
    "minProperties": lambda limit: f"Must have at least {limit} properties.",
    "multipleOf": lambda step: f"Must be a multiple of {step}.",
    "pattern": lambda pattern: f"Must match the pattern {pattern}",
    "required": lambda _: "Missing required property.",
    "type": lambda kinds: f"Must be {' or '.join(_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))}.",
    "uniqueItems": lambda _: "Items must be unique.",
}


def fields(violations: Iterable[Violation], root: str = "body") -> dict[str, str]:
    """Each offending path, dotted, with what is wrong there; `root` names the whole."""
    found: dict[str, str] = {}
    for violation in violations:
        for path in _places(violation):
            name = ".".join(str(part) for part in path) or root
            found.setdefault(name[:_LONGEST_NAME], _words(violation)[:_LONGEST_WORDS])
        if len(found) >= MOST_FIELDS:
            break
    return found


def _words(violation: Violation) -> str:
    word = _WORDS.get(violation.keyword)
    return word(violation.expected) if word else "Must have one of the forms that the document describes."


def _places(violation: Violation) -> Iterator[tuple[str | int, ...]]:
    if violation.keyword == "required":
        yield from ((*violation.path, name) for name in violation.expected if name not in violation.instance)
    elif violation.keyword == "additionalProperties":
        known = violation.schema.get("properties", {})
        yield from ((*violation.path, name) for name in list(violation.instance)[:MOST_FIELDS] if name not in known)
    else:
        yield violation.path


def _shown(option: Any) -> str:
    return "null" if option is None else str(option).lower() if isinstance(option, bool) else str(option)
