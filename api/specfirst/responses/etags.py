"""Conditional requests: operations that declare a 304 get a strong ETag of their body."""
from __future__ import annotations

import re
from typing import Any

from connexion.operations import AbstractOperation
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.specfirst.responses.json_responses import etag as etag_of

_TAG = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
# What describes the body goes with it; the rest of the headers stays on a 304.
_OF_THE_BODY = frozenset({b"content-type", b"content-length", b"content-encoding"})


def is_fresh(scope: Scope, etag: bytes) -> bool:
    """Whether the client's If-None-Match names the tag; a weak tag counts as its strong one, as it must here."""
    given = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").strip()
    return given == b"*" or etag in _TAG.findall(given)


class ConditionalOperation:
    """Buffers a successful response until its tag is known."""

    def __init__(self, next_app: ASGIApp) -> None:
        self.next_app = next_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send 304 when the client has what would be sent, else the answer with its ETag."""
        start: Message | None = None
        chunks: list[bytes] = []

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] == 200:
                start = message
            elif start is None:
                await send(message)
            else:
                chunks.append(message.get("body", b""))
                if not message.get("more_body", False):
                    await _send_tagged(scope, send, start, b"".join(chunks))

        await self.next_app(scope, receive, hold)


async def _send_tagged(scope: Scope, send: Send, start: Message, body: bytes) -> None:
    headers: list[Any] = list(start["headers"])
    own = next((value for name, value in headers if name == b"etag"), None)
    etag = own or etag_of(body).encode("ascii")
    if own is None:
        headers.append((b"etag", etag))
    if not any(name == b"cache-control" for name, _ in headers):
        # The answer may be kept, by this client alone, and is asked for again before each use.
        headers.append((b"cache-control", b"private, no-cache"))
    if is_fresh(scope, etag):
        kept = [(name, value) for name, value in headers if name not in _OF_THE_BODY]
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def conditional(next_app: ASGIApp, operation: AbstractOperation) -> ASGIApp:
    """The step for an operation: none, unless its document declares a 304."""
    return ConditionalOperation(next_app) if "304" in operation.responses else next_app
