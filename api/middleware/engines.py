"""Two engines that judge an instance by a schema: compiled (jsonschema-rs), and plain (jsonschema), which is its oracle."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import jsonschema_rs
from jsonschema import Draft4Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from api.middleware.formats import BOTH_ENGINES, CHECKS
from api.middleware.schemas import draft4

COMPILED, PLAIN, OFF = "compiled", "plain", "off"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Violation:
    """Where an instance breaks its schema, and by which keyword; `expected` is the keyword's value."""

    path: Path
    keyword: str
    expected: Any
    instance: Any
    schema: Mapping[str, Any]


class Validator(Protocol):
    """A schema made ready for use."""

    def is_valid(self, instance: Any) -> bool:
        """Whether the instance keeps the schema."""
        ...

    def violations(self, instance: Any) -> Iterator[Violation]:
        """All places where it does not."""
        ...


Engine = Callable[[Mapping[str, Any]], Validator]


class Compiled:
    """The engine for every day."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = draft4(schema)
        self._validator = jsonschema_rs.Draft4Validator(self._schema, validate_formats=True, formats=dict(BOTH_ENGINES))
        self.is_valid: Callable[[Any], bool] = self._validator.is_valid

    def violations(self, instance: Any) -> Iterator[Violation]:
        """All places where the instance breaks the schema."""
        for error in self._validator.iter_errors(instance):
            *holder, last = error.schema_path
            schema, keyword = _at(self._schema, holder), str(last)
            yield Violation(tuple(error.instance_path), keyword, schema.get(keyword), error.instance, schema)


class Plain:
    """The reference: slower by two orders of magnitude, with Python's idea of a pattern mended."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _PlainValidator(draft4(schema), format_checker=_FORMATS)

    def is_valid(self, instance: Any) -> bool:
        """Whether the instance keeps the schema."""
        return bool(self._validator.is_valid(instance))

    def violations(self, instance: Any) -> Iterator[Violation]:
        """All places where the instance breaks the schema."""
        for error in self._validator.iter_errors(instance):
            holder = error.schema if isinstance(error.schema, Mapping) else {}
            yield Violation(tuple(error.absolute_path), str(error.validator), error.validator_value, error.instance, holder)


def engine(name: str) -> Engine:
    """The engine for requests: `off` turns only the check of answers off."""
    return Plain if name == PLAIN else Compiled


def _at(schema: Any, path: list[str | int]) -> Mapping[str, Any]:
    for part in path:
        schema = schema[part]
    return schema if isinstance(schema, Mapping) else {}


@lru_cache(maxsize=256)
def _ecma(pattern: str) -> re.Pattern[str]:
    """A pattern as the document means it: `$` is the end, not the place before a last newline, and classes are ASCII."""
    parts = re.split(r"(\\.|\[(?:\\.|[^\]\\])*\])", pattern, flags=re.DOTALL)
    written = "".join(part if position % 2 else part.replace("$", r"\Z") for position, part in enumerate(parts))
    return re.compile(written, re.ASCII)


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _ecma(pattern).search(instance):
        yield ValidationError("does not match")


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, check in CHECKS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    return checker


_FORMATS = _formats()
_PlainValidator: Any = extend(Draft4Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
