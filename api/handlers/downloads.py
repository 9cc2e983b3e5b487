"""Stored files at signed addresses."""
from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from api.domain.refusal import NotFound
from api.domain.signing import SigningKey
from api.domain.ticket import REMEDY, read_ticket
from api.handlers import context
from api.handlers.answers import etag
from api.handlers.file_answers import OCTETS, file_answer
from api.storage.archive import Archive
from api.storage.names import kind_of

# Whatever else a file is, a browser that opens it should not make more of it.
SHOWN_AS_IS = frozenset({OCTETS, "text/plain", "application/xml"})


async def download_file(request: Request, ticket: str, range: str | None = None, if_range: str | None = None) -> Response:
    """Send the file that a ticket stands for, or the part of it that is asked for."""
    wanted = read_ticket(ticket, context.collaborator(SigningKey), context.now())
    if kind_of(wanted.name) is not wanted.kind:
        raise NotFound("download", "ticket", remedy=REMEDY)
    source = await context.in_thread(context.collaborator(Archive).open, wanted.name)
    if source is None:
        raise NotFound("file", wanted.filename, remedy=REMEDY)
    return file_answer(
        source, tag=etag(f"{source.name} {source.version}".encode()), filename=wanted.filename, wanted=range, if_range=if_range,
        content_type=wanted.content_type if wanted.content_type in SHOWN_AS_IS else OCTETS)
