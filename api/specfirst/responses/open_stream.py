"""Event streams, which go on after the middlewares have returned, so that an idle one keeps none of their frames in memory."""
from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.specfirst.access.security import context_of
from api.specfirst.request_context import Stream


class StreamResponse(Response):
    """Sends the head, and leaves the stream to the outermost middleware."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream, headers: Mapping[str, str]) -> None:
        self.status_code, self.background, self.body = 200, None, b""
        self.init_headers(headers)
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        context_of(scope).stream = self._stream
