"""JSON as it comes in: UTF-8, no NaN, no lone surrogates, no depth or number that would break what reads it."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from api.domain.refusal import Invalid

DEEPEST = 64


def read(raw: bytes) -> Any:
    """The value of a body; raises Invalid for bytes that are not JSON, or nest deeper than anything that makes sense."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as broken:
        # The reason stands beside a position in the client's own text, and is not repeated.
        raise Invalid({"body": "Is not valid JSON in UTF-8."}, "Request body is not valid JSON.") from broken
    # Most bodies have too few brackets to be deep; only the others are walked.
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
        raise Invalid({"body": f"Must not nest deeper than {DEEPEST} levels."})
    return value


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
