"""A strict JSON parser: UTF-8, no NaN, no lone surrogates, no duplicate keys, bounded depth and size."""
from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from api.domain.errors import Invalid
from api.specfirst.validation.request_faults import Faults
from api.specfirst.validation.violations import Path, Violation

MAX_DEPTH = 64
# Far more than any schema allows. An empty list takes three bytes of a body, and thirty times as much once it is read.
MAX_VALUES = 20_000
_STRING = re.compile(rb'"[^"]*"')


class _Repeating(dict[str, Any]):
    """An object in which keys were repeated; `repeated` lists them."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]


def read(raw: bytes) -> Any:
    """Parse a body. Raises Invalid for bytes that are not JSON, repeated keys, more than 20,000 values, or more than 64 levels."""
    if _marks(raw) > MAX_VALUES and _marks(_without_strings(raw)) > MAX_VALUES:
        raise Invalid({"body": f"Must not hold more than {MAX_VALUES} values."})
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as broken:
        # The reason stands beside a position in the client's own text, and is not repeated.
        raise Invalid({"body": "Is not valid JSON in UTF-8."}, "Request body is not valid JSON.") from broken
    # Most bodies have too few brackets to be deep; only the others are walked.
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Invalid({"body": f"Must not nest deeper than {MAX_DEPTH} levels."})
    _refuse_repeated_keys(raw)
    return value


def _marks(raw: bytes) -> int:
    """Count the commas, colons and opening brackets: an upper bound for the number of nested values, cheap to compute."""
    return raw.count(b",") + raw.count(b":") + raw.count(b"[") + raw.count(b"{")


def _without_strings(raw: bytes) -> bytes:
    return _STRING.sub(b"", raw.replace(rb"\\", b"").replace(rb'\"', b""))


def _refuse_repeated_keys(raw: bytes) -> None:
    # Readers differ in which of the two they take, and the sender meant only one.
    found = False

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        plain = dict(pairs)
        if len(plain) == len(pairs):
            return plain
        found = True
        return _Repeating(pairs)

    # Only keys are of interest; a long number takes more than linear time to read.
    value = json.loads(raw, object_pairs_hook=object_of, parse_int=str, parse_float=str)
    if found:
        faults = Faults()
        faults.collect(_repeated(value, ()))
        raise faults.refusal()


def _repeated(value: Any, path: Path) -> Iterator[Violation]:
    if isinstance(value, _Repeating):
        yield from (Violation((*path, name), "repeated") for name in value.repeated)
    inside: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inside:
        yield from _repeated(each, (*path, name))


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [inner for outer in level for inner in _inside(outer)]
    return depth


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
