"""Requests of the server to its own operations, below authentication and limits."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import ASGIApp, Message, Scope

from api.specfirst.request_context import RequestContext, current


async def ask(
    app: ASGIApp, context: RequestContext, base_path: str, path_parameters: Mapping[str, Any], *,
    method: str = "GET", headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b"",
) -> tuple[int, bytes]:
    """The status and the body that the operation of the context answers; `app` is the stack of the operations."""
    scope: Scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": context.path, "raw_path": context.path.encode(),
        "query_string": context.query.encode(), "headers": [*headers], "path_params": dict(path_parameters),
        "extensions": {
            "ci.request": context, ROUTING_CONTEXT: {"api_base_path": base_path, "operation_id": context.operation_id}}}
    status, parts, before = 500, [b""], current.set(context)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    try:
        await app(scope, receive, send)
    finally:
        current.reset(before)
    return status, b"".join(parts)
