"""Request ids, which are always our own; a client's could forge log lines."""
from __future__ import annotations

import re
from secrets import token_hex

from starlette.types import Scope

HEADER = b"x-request-id"
_THEIRS = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def new_request_id() -> str:
    """A fresh id: 128 random bits in hexadecimal."""
    return token_hex(16)


def client_request_id(scope: Scope) -> str | None:
    """The id that the client gave the request, if it is harmless; it stands in the log beside ours."""
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given.decode("ascii") if _THEIRS.fullmatch(given) else None
