"""Refusals and protocol errors as status codes, bodies and headers."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidCredentials,
    LogNotFound,
    NotFound,
    NotReady,
    PreconditionFailed,
    Refusal,
    TooMany,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from api.specfirst.responses.json_responses import encode

STATUS: Mapping[type[Refusal], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    InvalidCredentials: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    LogNotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    Unprocessable: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Refusal: HTTPStatus.UNPROCESSABLE_ENTITY,
}

MESSAGE_LIMIT = 500
CHALLENGE = 'Bearer realm="CI API"'


class HttpProblem(Exception):
    """What HTTP itself refuses: it has a status, and no counterpart in the domain."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.remedy = remedy
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Problem:
    """A refusal as it is sent."""

    status: int
    body: bytes
    message: str
    headers: tuple[tuple[str, str], ...]


def problem(refusal: Refusal | HttpProblem, *, request_id: str, token_shown: bool = False) -> Problem:
    """Render a refusal; `token_shown` says whether the request carried any Authorization."""
    details = dict(refusal.details)
    if refusal.remedy:
        details["remedy"] = refusal.remedy
    details["request_id"] = request_id
    message = refusal.message[:MESSAGE_LIMIT]
    body = encode({"code": refusal.code, "message": message, "details": details})
    return Problem(int(status_of(refusal)), body, message, tuple(_headers(refusal, token_shown)))


def status_of(refusal: Refusal | HttpProblem) -> HTTPStatus:
    """The status of a refusal, by the nearest class in the table."""
    if isinstance(refusal, HttpProblem):
        return refusal.status
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def _headers(refusal: Refusal | HttpProblem, token_shown: bool) -> Iterable[tuple[str, str]]:
    if isinstance(refusal, HttpProblem):
        yield from refusal.headers.items()
    elif isinstance(refusal, Unauthorized):
        yield "WWW-Authenticate", f'{CHALLENGE}, error="invalid_token"' if token_shown else CHALLENGE
    elif isinstance(refusal, InvalidCredentials):
        yield "WWW-Authenticate", CHALLENGE
    elif isinstance(refusal, Forbidden) and "required_scope" in refusal.details:
        yield "WWW-Authenticate", f'{CHALLENGE}, error="insufficient_scope", scope="{refusal.details["required_scope"]}"'
    elif isinstance(refusal, Unavailable | NotReady | TooMany):
        yield "Retry-After", str(refusal.retry_after)


def unknown_path() -> HttpProblem:
    """No document has a path like this one."""
    return HttpProblem(
        HTTPStatus.NOT_FOUND, "not_found", "No such resource.", {"resource": "path", "id": None},
        remedy="Check the path against /openapi.json; paths have no trailing slash.")


def method_not_allowed(allowed: Iterable[str]) -> HttpProblem:
    """The path exists, but not with this method."""
    methods = sorted(allowed)
    return HttpProblem(
        HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not have that method.", {"allowed": methods},
        remedy="Use one of the methods in details.allowed.", headers={"Allow": ", ".join(methods)})


def request_timeout(seconds: float, part: str = "body") -> HttpProblem:
    """The body, or the head, did not come in time; the connection is closed, since it may still come."""
    return HttpProblem(
        HTTPStatus.REQUEST_TIMEOUT, "request_timeout", f"The request's {part} did not come in time.", {"seconds": seconds},
        remedy=f"Send the request again, its {part} without a break.", headers={"Connection": "close"})


def malformed_request(message: str) -> HttpProblem:
    """What came is no request; the connection is closed, since nobody knows where the next one would begin."""
    return HttpProblem(
        HTTPStatus.BAD_REQUEST, "malformed_request", message,
        remedy="Send requests as RFC 9112 has them.", headers={"Connection": "close"})


def target_too_long(limit: int) -> HttpProblem:
    """The path with its parameters is longer than `limit` bytes."""
    return HttpProblem(
        HTTPStatus.REQUEST_URI_TOO_LONG, "target_too_long", "Path and query are too long.", {"limit": limit},
        remedy="Send at most details.limit bytes.", headers={"Connection": "close"})


def header_too_large(limit: int, fields: int) -> HttpProblem:
    """The head is larger than `limit` bytes, or has more than so many fields."""
    return HttpProblem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large", "The request's head is too large.",
        {"limit": limit, "fields": fields},
        remedy="Send at most details.limit bytes in details.fields header fields.", headers={"Connection": "close"})


def payload_too_large(limit: int) -> HttpProblem:
    """The body is larger than `limit` bytes; the connection is closed, since the rest of it was never read."""
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "payload_too_large", "Request body is too large.", {"limit": limit},
        remedy="Send at most details.limit bytes.", headers={"Connection": "close"})


def unsupported_media_type(supported: Iterable[str], message: str = "The body's media type is not accepted here.") -> HttpProblem:
    """The body is declared as something that the operation does not take."""
    return HttpProblem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message, {"supported": sorted(supported)},
        remedy="Send one of the media types in details.supported.")


def unsupported_content_coding(coding: str) -> HttpProblem:
    """The body is compressed or otherwise coded; nothing here decodes bodies, which could grow without an end."""
    return HttpProblem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body's content coding is not accepted here.",
        {"content_coding": coding[:50], "supported": ["identity"]}, remedy="Send the body as it is, without a Content-Encoding.",
        headers={"Accept-Encoding": "identity"})


def rate_limited(*, limit: int, window: int, retry_after: int) -> HttpProblem:
    """A bucket is empty for the next `retry_after` seconds."""
    return HttpProblem(
        HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", f"Rate limit exceeded. Retry after {retry_after} seconds.",
        {"retry_after": retry_after, "limit": limit, "window": f"{window}s"},
        remedy="Wait for details.retry_after seconds.", headers={"Retry-After": str(retry_after)})


def range_not_satisfiable(size: int) -> HttpProblem:
    """A part of a file of `size` bytes is asked for that lies behind its end."""
    return HttpProblem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "range_not_satisfiable", "The file ends before this range begins.", {"size": size},
        remedy="Ask for a range within details.size bytes.", headers={"Content-Range": f"bytes */{size}"})


def not_implemented() -> HttpProblem:
    """The document has the operation, this server does not have it yet."""
    return HttpProblem(
        HTTPStatus.NOT_IMPLEMENTED, "not_implemented", "This server does not offer the operation yet.",
        remedy="Use another operation; the document says which ones belong together.")


def internal_error() -> HttpProblem:
    """Something broke; what, is in the server's log under the request id."""
    return HttpProblem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Internal server error.",
        remedy="Try again later; report details.request_id to the operator when it happens again.")
