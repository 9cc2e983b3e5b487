"""Request bodies: JSON read whole and judged, uploads passed through unread, both only up to a size."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connexion.operations import AbstractOperation
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from api.domain.refusal import Invalid
from api.handlers.problems import payload_too_large, unsupported_media_type
from api.middleware import strict_json
from api.middleware.engines import Engine
from api.middleware.pace import patient
from api.middleware.wording import fields

JSON = "application/json"
PROJECT = "project"
_FORM = "multipart/form-data"
_UPLOADS = (_FORM, "application/octet-stream", "application/zip")
# What surrounds the largest file of a form: boundaries, headers and fields. The file itself is measured by its handler.
_ROOM_FOR_A_FORM = 1 << 16


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large bodies may be, in bytes, by what they carry; and for how many seconds their sender may be silent."""

    ordinary: int
    upload: int
    project: int
    patience: float


class Body:
    """What an operation takes as its body; one with `x-upload: project` takes projects, others take a worker's files."""

    def __init__(self, operation: AbstractOperation, engine: Engine, limits: BodyLimits) -> None:
        declared: Mapping[str, Any] = operation.request_body
        content: Mapping[str, Any] = declared.get("content", {})
        self.declared = bool(content)
        self.json = JSON in content
        self._required: bool = declared.get("required", False)
        self._kinds = [kind.lower() for kind in content]
        self._knows_415 = bool({"415", "default"} & {str(status) for status in operation.responses})
        self._validator = engine(content[JSON]["schema"]) if self.json else None
        properties = content[JSON]["schema"].get("properties", {}) if self.json else {}
        self._defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
        self._max_body, self._patience = limits.ordinary, limits.patience
        self._max_upload = limits.project if operation._operation.get("x-upload") == PROJECT else limits.upload

    async def read(self, scope: Scope, receive: Receive, arguments: dict[str, Any], errors: dict[str, str]) -> Receive:
        """Fill `body` with validated JSON; an upload is left to be received by the operation."""
        content_type = _header(scope, b"content-type")
        pacing = patient(receive, self._patience)
        kind = content_type.split(";", 1)[0].strip().lower()
        if kind != JSON and kind in self._kinds:
            return _counted(scope, pacing, self._limit_of(kind))
        raw = await _whole(_counted(scope, pacing, self._max_body))
        if not raw:
            if self._required:
                errors["body"] = "Request body is required."
            arguments["body"] = dict(self._defaults)
        else:
            self._check_type(kind, content_type)
            arguments["body"] = self._judged(strict_json.read(raw), errors)
        return _after(receive)

    def _limit_of(self, kind: str) -> int:
        if kind not in _UPLOADS:
            return self._max_body
        return self._max_upload + (_ROOM_FOR_A_FORM if kind == _FORM else 0)

    def _check_type(self, kind: str, content_type: str) -> None:
        if not self.json or kind not in ("", JSON):
            if self._knows_415:
                raise unsupported_media_type(self._kinds)
            raise Invalid({"body": "Has a media type that is not accepted here."})
        charset = [part.split("=", 1)[1] for part in content_type.lower().split(";")[1:] if part.strip().startswith("charset=")]
        if any(name.strip(' "') not in ("utf-8", "utf8") for name in charset):
            raise unsupported_media_type(self._kinds, "The charset of JSON is utf-8.")

    def _judged(self, value: Any, errors: dict[str, str]) -> Any:
        if self._validator is not None and not self._validator.is_valid(value):
            for path, words in fields(self._validator.violations(value)).items():
                errors.setdefault(path, words)
        return {**self._defaults, **value} if isinstance(value, dict) else value


def _counted(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Receive that refuses as soon as more than the limit is announced, or has come."""
    announced = _header(scope, b"content-length")
    if announced.isdigit() and int(announced[:20]) > limit:
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
    """Receive for whoever comes after the body was read: its end, and then what the server says, such as a disconnect."""
    told = False

    async def ended() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return ended


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")
