"""Static pages: constant bytes at fixed paths."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from starlette.types import Receive, Scope, Send

from api.specfirst.responses.etags import is_fresh
from api.specfirst.responses.json_responses import etag

DOCUMENT_AGE = 300
ASSET_AGE = 86_400


@dataclass
class Page:
    """A path and the bytes that it always answers with; they are read at the first request for them."""

    path: str
    media_type: str
    read: Callable[[], bytes]
    max_age: int
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @cached_property
    def body(self) -> bytes:
        """The page's bytes."""
        return self.read()

    @cached_property
    def tag(self) -> bytes:
        """The strong validator of the bytes."""
        return etag(self.body).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET: the bytes, or 304 when the client has them."""
        shared = [
            (b"etag", self.tag), (b"cache-control", b"public, max-age=%d" % self.max_age), *self.headers]
        if is_fresh(scope, self.tag):
            await send({"type": "http.response.start", "status": 304, "headers": shared})
            await send({"type": "http.response.body", "body": b""})
            return
        length = b"%d" % len(self.body)
        headers = [(b"content-type", self.media_type.encode()), (b"content-length", length), *shared]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def constant(body: bytes) -> Callable[[], bytes]:
    """Reads these bytes."""
    return lambda: body
