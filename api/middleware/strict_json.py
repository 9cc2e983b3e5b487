"""JSON as it comes in: UTF-8, no NaN, no lone surrogates, no depth or number that would break what reads it."""
from __future__ import annotations

from typing import Any

import orjson

from api.domain.refusal import Invalid


def read(raw: bytes) -> Any:
    """The value of a body; raises Invalid for bytes that are not JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as broken:
        # The reason stands beside a position in the client's own text, and is not repeated.
        raise Invalid({"body": "Is not valid JSON in UTF-8."}, "Request body is not valid JSON.") from broken
