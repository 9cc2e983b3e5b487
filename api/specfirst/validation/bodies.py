"""Reads request bodies. JSON and forms are read whole and validated, uploads are streamed; the size of all is limited."""
from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from connexion.operations import AbstractOperation
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from api.domain.errors import Invalid
from api.specfirst.binding.binding import BindingError
from api.specfirst.responses.error_responses import payload_too_large, unsupported_content_coding, unsupported_media_type
from api.specfirst.transport.slow_body_timeout import with_body_timeout
from api.specfirst.validation import strict_json
from api.specfirst.validation.body_sizes import Unbounded, largest_body
from api.specfirst.validation.engines import Engine
from api.specfirst.validation.request_faults import Faults

JSON = "application/json"
PROJECT, SAMPLE = "project", "sample"
# For how many seconds the sender of a body may be silent.
BODY_TIMEOUT = 60.0
_URLENCODED = "application/x-www-form-urlencoded"
_FORM = "multipart/form-data"
_UPLOADS = (_FORM, "application/octet-stream", "application/zip")
# What surrounds the largest file of a form: boundaries, headers and fields. The file itself is measured by its handler.
_ROOM_FOR_A_FORM = 1 << 16
_MOST_FIELDS = 20
# Readers of the parameters behind a media type need more than linear time.
_MAX_TYPE_LENGTH = 255


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The size limits of uploads in bytes: `project` for projects, `sample` for files of the library, `upload` for files of workers.

    The limit of every other body follows from its schema; `x-max-body` of an operation lowers it.
    """

    upload: int
    project: int
    sample: int


class Body:
    """The body that an operation takes. `x-upload` says whose limit an upload has: `project`, `sample`, else that of workers' files."""

    def __init__(self, operation: AbstractOperation, engine: Engine, limits: BodyLimits) -> None:
        declared: Mapping[str, Any] = operation.request_body
        content: Mapping[str, Any] = declared.get("content", {})
        self.declared = bool(content)
        # An operation on the event loop reads its forms itself.
        self._is_form = _URLENCODED in content and not operation._operation.get("x-native-async")
        read_whole = _URLENCODED if self._is_form else JSON
        self.validated = read_whole in content
        self._required: bool = declared.get("required", False)
        self._upload = {PROJECT: limits.project, SAMPLE: limits.sample}.get(operation._operation.get("x-upload"), limits.upload)
        self._limits = {kind.lower(): self._limit(operation, kind.lower(), media["schema"]) for kind, media in content.items()}
        self._validator = engine(content[read_whole]["schema"]) if self.validated else None
        properties = content[read_whole]["schema"].get("properties", {}) if self.validated else {}
        self._defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}

    def _limit(self, operation: AbstractOperation, kind: str, schema: Mapping[str, Any]) -> int:
        if kind in _UPLOADS:
            return self._upload + (_ROOM_FOR_A_FORM if kind == _FORM else 0)
        if kind not in (JSON, _URLENCODED):
            raise BindingError(f"{operation.operation_id}: nothing reads a body of {kind}")
        most: int = operation._operation.get("x-max-body", sys.maxsize)
        try:
            return min(largest_body(schema), most)
        except Unbounded as endless:
            raise BindingError(f"{operation.operation_id}: {endless}") from endless

    async def read(self, scope: Scope, receive: Receive, arguments: dict[str, Any], faults: Faults) -> Receive:
        """Read and validate a body of JSON or a form into `arguments["body"]`, and add its faults. An upload is not read.

        Returns the `receive` to use from here on. Raises the refusals for a type, a coding or a size that is not allowed.
        """
        content_type = _header(scope, b"content-type")
        pacing = with_body_timeout(receive, BODY_TIMEOUT)
        kind = content_type.split(";", 1)[0].strip().lower()
        announced = _announced(scope)
        if announced or (kind != JSON and kind in self._limits):
            self._check_kind(scope, kind, content_type)
        # What has no type, or one of which not even the beginning is taken, is read as JSON.
        counted = _counted(announced, pacing, self._limits.get(kind) or self._limits.get(JSON, 0))
        is_form = self._is_form and kind == _URLENCODED
        if kind != JSON and kind in self._limits and not is_form:
            return counted
        raw = await _whole(counted)
        if not raw:
            if self._required:
                faults.add("body", "Request body is required.")
            arguments["body"] = dict(self._defaults)
        else:
            self._check_kind(scope, kind, content_type)
            arguments["body"] = self._judged(_fields(raw) if is_form else strict_json.read(raw), faults)
        return _after(receive)

    def _check_kind(self, scope: Scope, kind: str, content_type: str) -> None:
        for coding in _headers(scope, b"content-encoding"):
            if coding.strip().lower() not in ("", "identity"):
                raise unsupported_content_coding(coding.strip().lower())
        if (kind or JSON) not in self._limits or len(content_type) > _MAX_TYPE_LENGTH:
            raise unsupported_media_type(self._limits)
        if kind not in ("", JSON):
            return
        charset = [part.split("=", 1)[1] for part in content_type.lower().split(";")[1:] if part.strip().startswith("charset=")]
        if any(name.strip(' "') not in ("utf-8", "utf8") for name in charset):
            raise unsupported_media_type(self._limits, "The charset of JSON is utf-8.")

    def _judged(self, value: Any, faults: Faults) -> Any:
        if self._validator is not None and not self._validator.is_valid(value):
            faults.collect(self._validator.violations(value))
        return {**self._defaults, **value} if isinstance(value, dict) else value


def _fields(raw: bytes) -> dict[str, str]:
    """The fields of a form. Raises Invalid for what is no form, and for a field that is there twice."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as wrong:
        raise Invalid({"body": "Not a form."}) from wrong
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Invalid({"body": "A field is there twice."})
    return fields


def _announced(scope: Scope) -> int:
    """The Content-Length of the request in bytes; 0 if it is absent or no number."""
    length = _header(scope, b"content-length")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def _counted(announced: int, receive: Receive, limit: int) -> Receive:
    """Wrap `receive` to limit the body to `limit` bytes. Raises payload_too_large if more are announced, at once, or received."""
    if announced > limit:
        raise payload_too_large(limit)
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise payload_too_large(limit)
        return message

    return counting


async def _whole(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _after(receive: Receive) -> Receive:
    """Make a `receive` to use after the body was read. It returns the end of the body, then the server's messages."""
    told = False

    async def ended() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return ended


def _header(scope: Scope, wanted: bytes) -> str:
    return next(_headers(scope, wanted), "")


def _headers(scope: Scope, wanted: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for name, value in scope["headers"] if name == wanted)
