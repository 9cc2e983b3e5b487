"""Gathers the body of a request into pieces of a size that is worth some work each."""
from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request


async def gathered(request: Request, least: int) -> AsyncIterator[bytes]:
    """The body in pieces of at least so many bytes but the last; what came of a body that breaks off is the last piece, too."""
    parts, size = list[bytes](), 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size >= least:
                yield b"".join(parts)
                parts, size = [], 0
    except ClientDisconnect:
        if size:
            yield b"".join(parts)
        raise
    if size:
        yield b"".join(parts)
