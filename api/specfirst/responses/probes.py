"""The liveness and readiness probes."""
from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from api.domain.errors import Unavailable
from api.specfirst.responses.json_responses import JSON, encode
from api.specfirst.responses.static_pages import Page, constant

LIVENESS, READINESS = "/livez", "/readyz"
PROBE_PATHS = frozenset({LIVENESS, READINESS})

IsReady = Callable[[], Awaitable[bool]]


async def always() -> bool:
    """An application without dependencies is ready."""
    return True


@dataclass
class ProbePage(Page):
    """A path that answers 200, or 503 while `is_well` says no. It has no limit, asks for no token and is never kept by caches."""

    is_well: IsReady = field(default=always, kw_only=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET."""
        if not await self.is_well():
            raise Unavailable("The database cannot be had at the moment, or lacks a migration.")
        headers = [(b"content-type", self.media_type.encode()), (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def probe_pages(is_ready: IsReady) -> list[Page]:
    """Liveness, which touches nothing, so that no trouble elsewhere has the process killed; and readiness."""
    return [
        ProbePage(LIVENESS, JSON, constant(encode({"status": "alive"})), 0),
        ProbePage(READINESS, JSON, constant(encode({"status": "ready"})), 0, is_well=is_ready),
    ]
