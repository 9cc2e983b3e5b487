"""Downloads of stored files at signed URLs."""
from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from api.domain.auth.signing import SigningKey
from api.domain.errors import NotFound
from api.domain.files.signed_url import REMEDY, read_signed_url
from api.rendering.file_responses import OCTETS, file_answer
from api.specfirst import request_context
from api.specfirst.responses.json_responses import etag
from api.storage.files.archive import Archive
from api.storage.files.paths import kind_of

# Whatever else a file is, a browser that opens it should not make more of it.
SHOWN_AS_IS = frozenset({OCTETS, "text/plain", "application/xml"})


async def download_file(request: Request, ticket: str, range: str | None = None, if_range: str | None = None) -> Response:
    """Send the file that a ticket stands for, or the part of it that is asked for."""
    wanted = read_signed_url(ticket, request_context.collaborator(SigningKey), request_context.now())
    if kind_of(wanted.name) is not wanted.kind:
        raise NotFound("download", "ticket", remedy=REMEDY)
    source = await request_context.in_thread(request_context.collaborator(Archive).open, wanted.name)
    if source is None:
        raise NotFound("file", wanted.filename, remedy=REMEDY)
    return file_answer(
        source, tag=etag(f"{source.name} {source.version}".encode()), filename=wanted.filename, wanted=range, if_range=if_range,
        content_type=wanted.content_type if wanted.content_type in SHOWN_AS_IS else OCTETS)
