"""Closes the connection after a refusal rather than reading the rest of a large body."""
from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Message, Receive, Scope

# As much of a refused body may still come while the connection stays open.
SMALL = 1 << 16

Headers = Sequence[tuple[bytes, bytes]]


class UnreadBody:
    """Tracks how much of a request's body may be left unread when the response is sent."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._may_be_long = not _is_short(scope["headers"])

    async def receive(self) -> Message:
        """Receive a message, and track the body's end."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._may_be_long = False
        return message

    def extra_headers(self, headers: Headers) -> Headers:
        """A `Connection: close` header, where much of the body may be unread and the response has none."""
        if not self._may_be_long or any(name == b"connection" for name, _ in headers):
            return ()
        return ((b"connection", b"close"),)


def _is_short(headers: Headers) -> bool:
    """Whether the headers promise a small body; with `Expect`, it may never come."""
    known = dict(headers)
    length = known.get(b"content-length", b"0")
    announced = b"transfer-encoding" not in known and b"expect" not in known
    return announced and length.isdigit() and len(length) < 10 and int(length) <= SMALL
