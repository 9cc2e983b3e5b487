"""The JSON encoder of all responses."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json"

# Naive instants do not exist here, but if one slips through it is UTC, as all others are.
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def encode(content: Any) -> bytes:
    """Content as JSON bytes; instants come out in UTC with a Z."""
    return orjson.dumps(content, option=_OPTIONS)


def etag(body: bytes) -> str:
    """The strong entity tag of these bytes, in its quotes, as it goes into ETag and comes back in If-None-Match."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def answer(content: Mapping[str, Any] | Sequence[Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response for an operation that runs on the event loop."""
    return Response(encode(content), status, dict(headers or {}), JSON)
