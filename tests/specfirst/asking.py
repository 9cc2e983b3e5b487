"""Asking an ASGI application something, byte by byte, so that no client library tidies the request up."""
from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

Header = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Sequence[Header]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        assert self.header("content-type") == "application/json"
        return json.loads(self.body)

    @property
    def echo(self) -> Any:
        """What the handlers of these tests say reached them."""
        assert self.status < 300, self.body
        return self.json["echo"]

    @property
    def details(self) -> Any:
        """The details of a refusal."""
        assert self.status >= 400, self.body
        return self.json["details"]

    def header(self, name: str) -> str | None:
        """The header's value; it is there once at most."""
        found = [value for given, value in self.headers if given == name]
        assert len(found) <= 1, found
        return found[0] if found else None


def ask(
    app: ASGIApp, target: str, *, method: str = "GET", token: str | None = None, headers: Iterable[Header] = (),
    body: bytes | Sequence[bytes] | None = None, content: Any = None, client: str = "203.0.113.7",
    stalls: bool = False,
) -> Answer:
    """Send one request and take its answer; `content` is sent as JSON, and a sequence of bytes in chunks.

    Where it `stalls`, there is more of the body, which never comes.
    """
    raw_path, _, query = target.partition("?")
    chunks = [json.dumps(content).encode()] if content is not None else [body] if isinstance(body, bytes) else list(body or ())
    given = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if token is not None:
        given.append((b"authorization", f"Bearer {token}".encode("latin-1")))
    if content is not None:
        given.append((b"content-type", b"application/json"))
    if isinstance(body, bytes) or content is not None:
        given.append((b"content-length", b"%d" % len(chunks[0])))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(raw_path), "raw_path": raw_path.encode("ascii"), "query_string": query.encode("ascii"), "root_path": "",
        "headers": given, "client": (client, 50000), "server": ("things.example", 80)}
    return asyncio.run(_context(app, scope, chunks, stalls))


async def _context(app: ASGIApp, scope: dict[str, Any], chunks: Sequence[bytes], stalls: bool) -> Answer:
    incoming = [
        {"type": "http.request", "body": chunk, "more_body": stalls or position + 1 < len(chunks)} for position, chunk in enumerate(chunks)
    ] or [{"type": "http.request", "body": b"", "more_body": False}]
    outgoing: list[Message] = []
    answered = asyncio.Event()

    async def receive() -> Message:
        if incoming:
            return incoming.pop(0)
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        outgoing.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    await app(scope, receive, send)
    start, *rest = outgoing
    assert start["type"] == "http.response.start"
    assert answered.is_set()
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], pairs, b"".join(message["body"] for message in rest))
