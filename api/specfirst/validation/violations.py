"""Lists the places where an instance violates its schema, in a bounded number of steps."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.specfirst.validation.formats import CHECKS
from api.specfirst.validation.patterns import expression
from api.specfirst.validation.schemas import SIZES

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]

# Far more values than any body has that keeps its schema.
MAX_STEPS = 20_000
MAX_NAMED = 100


@dataclass(frozen=True)
class Violation:
    """A place in an instance, and the keyword of the schema that it violates. With `path` None it stands for `places` further places."""

    path: Path | None
    keyword: str
    expected: Any = None
    places: int = 1


class Walk:
    """Lists the violations of an instance against a schema of draft 4, as far as the documents use that.

    For each value it lists the first violation in the order of `_CHECKS` and `_BRANCHES`. It does not look inside a value of the
    wrong type or size. An engine decides whether an instance is valid; this list explains it, and may miss a violation.
    """

    def __init__(self, max_steps: int = MAX_STEPS) -> None:
        self.steps = 0
        self._most_steps = max_steps

    def violations(self, schema: Schema, instance: Any, path: Path = ()) -> Iterator[Violation]:
        """Yield the violations of an instance, which is at `path`, and of all in it. Ends early after `max_steps` values."""
        if self._is_finished:
            return
        self.steps += 1
        broken = self._broken(schema, instance)
        if broken is not None:
            yield Violation(path, broken, schema.get(broken))
        if broken in SIZES:
            return
        for each in schema.get("allOf", ()):
            yield from self.violations(each, instance, path)
        if isinstance(instance, dict):
            yield from self._in_object(schema, instance, path)
        elif isinstance(instance, list) and isinstance(schema.get("items"), dict):
            yield from self._inside(schema["items"], enumerate(instance), path)

    def _inside(self, schema: Schema, members: Iterable[tuple[str | int, Any]], path: Path) -> Iterator[Violation]:
        for name, member in members:
            if self._is_finished:
                return
            yield from self.violations(schema, member, (*path, name))

    def _in_object(self, schema: Schema, instance: Mapping[str, Any], path: Path) -> Iterator[Violation]:
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (Violation((*path, name), "required") for name in schema.get("required", ()) if name not in instance)
        for name, each in properties.items():
            if name in instance:
                yield from self.violations(each, instance[name], (*path, name))
        unknown = [] if others is True else [name for name in instance if name not in properties]
        if isinstance(others, dict):
            yield from self._inside(others, ((name, instance[name]) for name in unknown), path)
            return
        yield from (Violation((*path, name), "additionalProperties") for name in unknown[:MAX_NAMED])
        if len(unknown) > MAX_NAMED:
            yield Violation(None, "additionalProperties", places=len(unknown) - MAX_NAMED)

    @property
    def _is_finished(self) -> bool:
        return self.steps >= self._most_steps

    def _broken(self, schema: Schema, instance: Any) -> str | None:
        """The first keyword that the value itself violates, without looking inside it; None if there is none."""
        found = (keyword for keyword, keeps in _CHECKS.items() if keyword in schema and not keeps(schema[keyword], instance))
        branches = (
            keyword for keyword, keeps in _BRANCHES.items() if keyword in schema and not keeps(self._kept(schema[keyword], instance)))
        return next(found, None) or next(branches, None)

    def _kept(self, branches: Sequence[Schema], instance: Any) -> int:
        return sum(next(self.violations(branch, instance), None) is None for branch in branches)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# By how many of its branches an instance keeps.
_BRANCHES: Mapping[str, Callable[[int], bool]] = {"anyOf": lambda kept: kept > 0, "oneOf": lambda kept: kept == 1}
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list), "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool), "null": lambda value: value is None,
    "number": _is_number, "object": lambda value: isinstance(value, dict), "string": lambda value: isinstance(value, str)}


def _has_type(kinds: str | list[str], value: Any) -> bool:
    return any(_TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _is_among(options: list[Any], value: Any) -> bool:
    # In Python, true equals 1.
    return any(option == value and isinstance(option, bool) == isinstance(value, bool) for option in options)


def _is_unique(wanted: bool, value: Any) -> bool:
    return not wanted or not isinstance(value, list) or len({json.dumps(item, sort_keys=True) for item in value}) == len(value)


_CHECKS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _has_type,
    "maxLength": lambda limit, value: not isinstance(value, str) or len(value) <= limit,
    "minLength": lambda limit, value: not isinstance(value, str) or len(value) >= limit,
    "maxItems": lambda limit, value: not isinstance(value, list) or len(value) <= limit,
    "minItems": lambda limit, value: not isinstance(value, list) or len(value) >= limit,
    "maxProperties": lambda limit, value: not isinstance(value, dict) or len(value) <= limit,
    "minProperties": lambda limit, value: not isinstance(value, dict) or len(value) >= limit,
    "maximum": lambda limit, value: not _is_number(value) or value <= limit,
    "minimum": lambda limit, value: not _is_number(value) or value >= limit,
    "enum": _is_among,
    "format": lambda name, value: not isinstance(value, str) or name not in CHECKS or CHECKS[name](value),
    "pattern": lambda pattern, value: not isinstance(value, str) or expression(pattern).search(value) is not None,
    "uniqueItems": _is_unique,
}
