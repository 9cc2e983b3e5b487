"""Two JSON Schema engines: a compiled one (jsonschema-rs), and a plain one (jsonschema) to check it against."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

import jsonschema_rs
from jsonschema import Draft4Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from api.specfirst.validation.formats import BOTH_ENGINES, CHECKS
from api.specfirst.validation.patterns import expression
from api.specfirst.validation.schemas import draft4
from api.specfirst.validation.violations import Violation, Walk

PLAIN, OFF = "plain", "off"
Schema = Mapping[str, Any]
Verdict = Callable[[Any], bool]


class Validator:
    """A prepared schema. The engine decides whether an instance is valid; `violations` lists the faults, the same way for both engines."""

    def __init__(self, schema: Schema, verdict: Verdict) -> None:
        self._schema = schema
        self.is_valid = verdict

    def violations(self, instance: Any) -> Iterator[Violation]:
        """Yield the violations of an instance that the engine has found invalid; at least one."""
        found = False
        for violation in Walk().violations(self._schema, instance):
            found = True
            yield violation
        if not found:
            yield Violation((), "")


Engine = Callable[[Schema], Validator]


# The documents have the same schemas in very many places, such as that of errors in every operation.
_compiled: WeakValueDictionary[bytes, Validator] = WeakValueDictionary()


def compiled(schema: Schema) -> Validator:
    """Prepare a schema with jsonschema-rs, or give what an equal one was prepared as.

    Raises ValueError for a pattern that cannot be matched in linear time.
    """
    written = draft4(schema)
    digest = blake2b(json.dumps(written).encode(), digest_size=16).digest()
    found = _compiled.get(digest)
    if found is None:
        found = _compiled[digest] = Validator(written, _judge(written).is_valid)
    return found


def _judge(written: dict[str, Any]) -> jsonschema_rs.Draft4Validator:
    return jsonschema_rs.Draft4Validator(
        written, validate_formats=True, formats=dict(BOTH_ENGINES), pattern_options=jsonschema_rs.RegexOptions())


def plain(schema: Schema) -> Validator:
    """Prepare a schema with jsonschema, which is about 100 times slower. Patterns are matched as the documents mean them."""
    written = draft4(schema)
    judge = _PlainValidator(written, format_checker=_FORMATS)
    return Validator(written, lambda instance: bool(judge.is_valid(instance)))


def engine(name: str) -> Engine:
    """The engine with this name. `off` gives the compiled one, since it turns off the validation of answers only."""
    return plain if name == PLAIN else compiled


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not expression(pattern).search(instance):
        yield ValidationError("does not match")


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, check in CHECKS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    return checker


_FORMATS = _formats()
_PlainValidator: Any = extend(Draft4Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
