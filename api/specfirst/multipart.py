"""Forms of workers: urlencoded in memory, multipart with its file streamed to disk."""
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.domain.runs.worker_message import Malformed, read_fields
from api.specfirst import request_context
from api.specfirst.multipart_framing import MultipartFraming
from api.specfirst.responses.error_responses import payload_too_large

FIELDS = 20
FIELD_LENGTH = 64 * 1024
BATCH = 1 << 20


class Sink(Protocol):
    """Where a form's file goes."""

    @property
    def size(self) -> int:
        """How many bytes were written."""
        ...

    def write(self, chunk: bytes) -> None:
        """Append bytes; may block."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read: its fields, whether it had a file, and the name that the sender gave that, empty for none."""

    fields: dict[str, str]
    has_file: bool = False
    file_name: str = ""


@dataclass
class _Part:
    """The part of a multipart form that is being read."""

    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False


class MultipartForm:
    """Reads a multipart body chunk by chunk; fields are kept, the bytes of the field `file` are handed out in batches."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.has_file = False
        self.file_name = ""
        self.is_complete = False
        self._part = _Part()
        self._parts = 0
        self._batch = bytearray()
        self._framing = MultipartFraming(boundary)
        try:
            self._parser = MultipartParser(boundary, {
                "on_part_begin": self._begin, "on_header_field": self._header_field, "on_header_value": self._header_value,
                "on_header_end": self._header_end, "on_headers_finished": self._headers_finished, "on_part_data": self._data,
                "on_part_end": self._end, "on_end": self._complete})
        except FormParserError as wrong:
            raise Malformed("body") from wrong

    def feed(self, chunk: bytes) -> None:
        """Read on. Raises Malformed for what is no multipart form."""
        try:
            self._parser.write(self._framing.feed(chunk))
        except FormParserError as wrong:
            raise Malformed("body") from wrong

    def take(self) -> bytes:
        """The bytes of the file that came since the last call."""
        taken = bytes(self._batch)
        self._batch.clear()
        return taken

    @property
    def pending(self) -> int:
        """How many bytes of the file wait to be taken."""
        return len(self._batch)

    def _begin(self) -> None:
        # Each costs many times the few bytes that it takes to begin one.
        self._parts += 1
        if self._parts > FIELDS + 1:
            raise Malformed("body")
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]
        if len(self._part.value) > FIELD_LENGTH:
            raise Malformed("body")

    def _header_end(self) -> None:
        self._part.headers[bytes(self._part.header).lower()] = bytes(self._part.value)
        self._part.header.clear()
        self._part.value.clear()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition", b""))
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        self._part.is_file = self._part.name == "file"
        if self._part.is_file and self.has_file:
            # The bytes of two files would come out as those of one.
            raise Malformed("file")
        self.has_file |= self._part.is_file
        if self._part.is_file:
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._batch += data[start:end]
            return
        self._part.value += data[start:end]
        if len(self._part.value) > FIELD_LENGTH:
            raise Malformed(self._part.name)

    def _end(self) -> None:
        if not self._part.is_file:
            if len(self.fields) >= FIELDS:
                raise Malformed("body")
            self.fields[self._part.name] = self._part.value.decode("utf-8", "replace")

    def _complete(self) -> None:
        self.is_complete = True


async def read_form(request: Request, sink: Sink, *, max_file: int) -> Form:
    """The fields of a form, and of its file, whose bytes are now in the sink, the name.

    Raises Malformed for what is no form, and the 413 of HTTP for a body or a file that is too large.
    """
    kind, boundary = _media_type(request)
    if kind == "multipart/form-data":
        if not boundary:
            # Without a boundary nothing would end the first part.
            raise Malformed("body")
        return await _read_multipart(request.stream(), boundary, sink, max_file)
    return Form(await _read_urlencoded(request.stream()))


def _media_type(request: Request) -> tuple[str, bytes]:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    boundary = message.get_param("boundary")
    return message.get_content_type(), boundary.encode("latin-1", "replace") if isinstance(boundary, str) else b""


async def _read_multipart(
    stream: AsyncIterator[bytes], boundary: bytes, sink: Sink, max_file: int,
) -> Form:
    form = MultipartForm(boundary)
    async for chunk in stream:
        form.feed(chunk)
        if sink.size + form.pending > max_file:
            raise payload_too_large(max_file)
        if form.pending >= BATCH:
            await request_context.in_thread(sink.write, form.take())
    if not form.is_complete:
        # Without its last boundary the form was cut off, and so was the file in it.
        raise Malformed("body")
    if form.pending:
        await request_context.in_thread(sink.write, form.take())
    return Form(form.fields, form.has_file, form.file_name)


async def _read_urlencoded(stream: AsyncIterator[bytes]) -> dict[str, str]:
    # The stream ends with 413 where the body is larger than the document allows.
    body = bytearray()
    async for chunk in stream:
        body += chunk
    # Bytes that are not UTF-8 are replaced.
    return read_fields(body.decode("utf-8", "replace"))
