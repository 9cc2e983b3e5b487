"""Stored files at signed addresses: streamed, in whole or in part, always as attachments."""
from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.domain.attachment import content_disposition
from api.domain.byte_range import ByteRange, Unsatisfiable, parse_range
from api.domain.refusal import NotFound
from api.domain.signing import SigningKey
from api.domain.ticket import REMEDY, Ticket, read_ticket
from api.handlers import context
from api.handlers.answers import etag
from api.handlers.problems import range_not_satisfiable
from api.storage.archive import Archive, Source

PIECE = 1 << 20
OCTETS = "application/octet-stream"
# Whatever else a file is, a browser that opens it should not make more of it.
SHOWN_AS_IS = frozenset({OCTETS, "text/plain", "application/xml"})


async def download_file(request: Request, ticket: str, range: str | None = None, if_range: str | None = None) -> Response:
    """Send the file that a ticket stands for, or the part of it that is asked for."""
    wanted = read_ticket(ticket, context.collaborator(SigningKey), context.now())
    source = await context.in_thread(context.collaborator(Archive).open, wanted.name)
    if source is None:
        raise NotFound("file", wanted.filename, remedy=REMEDY)
    tag = etag(f"{source.name} {source.version}".encode())
    part = _part(range if if_range in (None, tag) else None, source.size)
    sent = part or ByteRange(0, source.size, source.size)
    headers = _headers(wanted, sent, tag) | ({"Content-Range": part.content_range} if part else {})
    status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
    if context.wants_headers_alone():
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_pieces(source, sent), status, headers)


def _part(header: str | None, size: int) -> ByteRange | None:
    try:
        return parse_range(header, size)
    except Unsatisfiable as beyond:
        raise range_not_satisfiable(size) from beyond


def _headers(ticket: Ticket, part: ByteRange, tag: str) -> dict[str, str]:
    return {
        "Content-Type": ticket.content_type if ticket.content_type in SHOWN_AS_IS else OCTETS,
        "Content-Length": str(part.length), "Content-Disposition": content_disposition(ticket.filename),
        "Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache"}


async def _pieces(source: Source, part: ByteRange) -> AsyncIterator[bytes]:
    position, end = part.start, part.start + part.length
    while position < end:
        piece = await context.in_thread(source.read, position, min(PIECE, end - position))
        if not piece:
            return
        position += len(piece)
        yield piece
