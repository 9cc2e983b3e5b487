"""File downloads: streamed, whole or in part, always as attachments."""
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import Protocol

from starlette.responses import Response, StreamingResponse

from api.domain.files.attachment import content_disposition
from api.domain.files.byte_range import ByteRange, Unsatisfiable, parse_range
from api.specfirst import request_context
from api.specfirst.responses.error_responses import range_not_satisfiable
from api.storage.text.log_windows import Readable

PIECE = 1 << 20
OCTETS = "application/octet-stream"


class Sendable(Readable, Protocol):
    """A file that may be sent over some time."""

    def pinned(self) -> AbstractContextManager[Readable]:
        """The file for a context's length, whatever happens to its name. May block, and raise Unavailable."""


def file_answer(
    source: Sendable, *, tag: str, filename: str, wanted: str | None, if_range: str | None, content_type: str = OCTETS,
) -> Response:
    """The file, or the part that a Range header wants, unless If-Range names another file than the one that `tag` stands for."""
    part = _part(wanted if if_range in (None, tag) else None, source.size)
    sent = part or ByteRange(0, source.size, source.size)
    headers = {
        "Content-Type": content_type, "Content-Length": str(sent.length), "Content-Disposition": content_disposition(filename),
        "Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache"}
    status = HTTPStatus.OK
    if part is not None:
        status, headers["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, part.content_range
    if request_context.is_head_request():
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_pieces(source, sent), status, headers)


def _part(header: str | None, size: int) -> ByteRange | None:
    try:
        return parse_range(header, size)
    except Unsatisfiable as beyond:
        raise range_not_satisfiable(size) from beyond


async def _pieces(source: Sendable, part: ByteRange) -> AsyncIterator[bytes]:
    position, end = part.start, part.start + part.length
    with ExitStack() as kept:
        file = await request_context.in_thread(kept.enter_context, source.pinned())
        while position < end:
            piece = await request_context.in_thread(file.read, position, min(PIECE, end - position))
            if not piece:
                return
            position += len(piece)
            yield piece
