"""Closes the connection after a refusal rather than reading the rest of a large body."""
from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Message, Receive, Scope

# As much of a refused body may still come while the connection stays open.
SMALL = 1 << 16

Headers = Sequence[tuple[bytes, bytes]]


class UnreadBody:
    """Watches the body of a request: once it is answered, the connection is of use only where little can be left of it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._may_be_long = not _is_short(scope["headers"])

    async def receive(self) -> Message:
        """Receive, as the server does."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._may_be_long = False
        return message

    def missing_from(self, headers: Headers) -> Headers:
        """What the answer's head needs beside its own headers, so that the server closes the connection."""
        if not self._may_be_long or any(name == b"connection" for name, _ in headers):
            return ()
        return ((b"connection", b"close"),)


def _is_short(headers: Headers) -> bool:
    """Whether the body announces that it is small, and comes without being asked for; one that is asked for may never come."""
    known = dict(headers)
    length = known.get(b"content-length", b"0")
    announced = b"transfer-encoding" not in known and b"expect" not in known
    return announced and length.isdigit() and len(length) < 10 and int(length) <= SMALL
