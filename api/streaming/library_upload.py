"""Receives a file of the library: streams it to disk, and hands it on once it is whole."""
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from starlette.requests import Request

from api.domain.catalog.new_sample import BEGINNING, parse_file_name
from api.domain.errors import Invalid
from api.domain.runs.worker_message import Malformed
from api.host.full_disk import DISK_RESERVE
from api.services.catalog.library_samples import ReceivedFile
from api.services.policies import LibraryPolicy
from api.specfirst import request_context
from api.specfirst.multipart import Form, read_form
from api.storage.files.incoming import FileStore, IncomingFile
from api.streaming.stream_limits import UploadLimits

T = TypeVar("T")


class BeginningKept:
    """Passes a file on to the disk while that has room, and keeps its first bytes."""

    def __init__(self, incoming: IncomingFile, store: FileStore) -> None:
        self._incoming, self._store = incoming, store
        self.beginning = b""

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self._incoming.size

    def write(self, chunk: bytes) -> None:
        """Append bytes. Raises Unavailable where the disk takes no more."""
        self._store.require_room(DISK_RESERVE + len(chunk))
        if len(self.beginning) < BEGINNING:
            self.beginning = (self.beginning + chunk)[:BEGINNING]
        self._incoming.write(chunk)


async def receive_file(request: Request, keep: Callable[[ReceivedFile, Mapping[str, str]], T], *fields: str) -> T:
    """Receive the file of a form, and have it kept, with the form's other fields, in a thread; what was not kept is removed.

    The form has these fields besides. `name` is the file's name in place of the one that comes with it.
    Raises Invalid, TooMany, Unavailable, and what `keep` raises.
    """
    limits, user_id = request_context.collaborator(UploadLimits), request_context.caller().user_id
    limits.check(user_id)
    with limits.acquire(user_id):
        store = request_context.collaborator(FileStore)
        await request_context.in_thread(store.require_room, DISK_RESERVE + content_length(request))
        incoming = store.open_incoming()
        try:
            sink = BeginningKept(incoming, store)
            form = await _read(request, sink, fields)
            name = parse_file_name(form.fields.get("name") or form.file_name)
            return await request_context.in_thread(keep, ReceivedFile(incoming, name, sink.beginning), form.fields)
        finally:
            if incoming.has_begun:
                await request_context.in_thread(incoming.discard)


async def _read(request: Request, sink: BeginningKept, known: Collection[str]) -> Form:
    try:
        form = await read_form(request, sink, max_file=request_context.collaborator(LibraryPolicy).file_bytes)
    except Malformed as wrong:
        raise Invalid({"body": "Is no multipart form that can be read."}) from wrong
    errors = {name[:100]: "Is not known." for name in form.fields if name not in known}
    if not form.has_file:
        errors["file"] = "Is required."
    if form.fields.get("name") == "":
        errors["name"] = "Must not be empty."
    if errors:
        raise Invalid(errors)
    return form


def content_length(request: Request) -> int:
    """The size of the body that the sender announces; 0 where none is."""
    length = request.headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0
