"""Parses and validates query, path, header and cookie parameters."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from connexion.operations import AbstractOperation
from starlette.types import Scope

from api.domain.errors import Invalid
from api.specfirst.access.security import cookie_of
from api.specfirst.validation.engines import Engine
from api.specfirst.validation.formats import utc_text
from api.specfirst.validation.request_faults import Faults

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,3})?")
# In a query, + is a space: an offset that was not escaped arrives like this.
_LOST_PLUS = re.compile(r" (?=[0-9]{2}:[0-9]{2}\Z)")
_MAX_FIELDS = 200
_NOT_A_NAME = re.compile(r"[^0-9a-zA-Z_]")


class Parameter:
    """One declared parameter."""

    def __init__(self, declared: Mapping[str, Any], engine: Engine) -> None:
        self.name: str = declared["name"]
        self.argument = _NOT_A_NAME.sub("_", self.name).lower() if declared["in"] == "header" else self.name
        self.required: bool = declared.get("required", False)
        self.schema: Mapping[str, Any] = declared["schema"]
        # One item too many tells as much as all of them.
        self._most_items = self.schema["maxItems"] + 1 if self.schema.get("type") == "array" else 1
        self._explode: bool = declared.get("explode", declared.get("style", "form") == "form")
        self._validator = engine(self.schema)

    def read(self, given: Sequence[str], faults: Faults) -> Any:
        """Read and validate a parameter from the values given for it. Returns its default if there are none. Adds faults to `faults`."""
        if not given:
            if self.required:
                faults.add(self.name, "Missing required parameter.")
            return self.schema.get("default")
        is_array = self.schema.get("type") == "array"
        if len(given) > 1 and not (is_array and self._explode):
            faults.add(self.name, "Must be given once.")
            return None
        if is_array:
            return self._read_items(given, faults)
        return self.judge(_coerced(self.schema, given[0]), faults)

    def _read_items(self, given: Sequence[str], faults: Faults) -> Any:
        most = self._most_items
        items = given if self._explode else given[0].split(",", most)
        return self.judge([_coerced(self.schema.get("items", {}), item) for item in items[:most]], faults)

    def judge(self, value: Any, faults: Faults) -> Any:
        """Validate a value. Returns it as handlers get it, a date-time in UTC. For an invalid one, adds faults and returns None."""
        if not self._validator.is_valid(value):
            faults.collect(self._validator.violations(value), self.name)
            return None
        return utc_text(value) if self.schema.get("format") == "date-time" and isinstance(value, str) else value


class Parameters:
    """All parameters of an operation."""

    def __init__(self, operation: AbstractOperation, engine: Engine) -> None:
        declared = [(parameter["in"], Parameter(parameter, engine)) for parameter in operation.parameters]
        self._query = {parameter.name: parameter for place, parameter in declared if place == "query"}
        self._path = [parameter for place, parameter in declared if place == "path"]
        self._header = [parameter for place, parameter in declared if place == "header"]
        self._cookie = [parameter for place, parameter in declared if place == "cookie"]

    @property
    def arguments(self) -> frozenset[str]:
        """The names of the handler's keyword arguments for all parameters."""
        return frozenset(parameter.argument for parameter in (*self._query.values(), *self._path, *self._header, *self._cookie))

    def read(self, scope: Scope, arguments: dict[str, Any], faults: Faults) -> None:
        """Read all parameters of a request into `arguments`, and add their faults, and those of unknown ones, to `faults`."""
        given = _query(scope["query_string"])
        for name in given.keys() - self._query.keys():
            faults.add(name, "Unknown query parameter.")
        for name, parameter in self._query.items():
            arguments[parameter.argument] = parameter.read(given.get(name, ()), faults)
        for parameter in self._path:
            arguments[parameter.argument] = parameter.judge(scope["path_params"][parameter.name], faults)
        for parameter in self._header:
            wanted = parameter.name.lower().encode("latin-1")
            values = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
            arguments[parameter.argument] = parameter.read(values, faults)
        for parameter in self._cookie:
            value = cookie_of(scope, parameter.name)
            arguments[parameter.argument] = parameter.read(() if value is None else (value,), faults)


def _query(raw: bytes) -> dict[str, list[str]]:
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as malformed:
        raise Invalid({"query": "Is not percent-encoded UTF-8, or has too many parts."}) from malformed
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return given


def _coerced(schema: Mapping[str, Any], text: str) -> Any:
    """Convert a text to the schema's type. A text that cannot be converted is returned as it is, and the schema then refuses it."""
    kind = schema.get("type")
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if schema.get("format") == "date-time" and len(text) <= schema.get("maxLength", len(text)):
        return _LOST_PLUS.sub("+", text)
    return text
