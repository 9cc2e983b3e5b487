"""Whether an answer keeps the contract: status, headers, media type and body, against the operation that it is of."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from jsonschema import Draft4Validator

from contract.documents import Document, Operation, Response
from contract.schemas import faults, validator

# Paths that are no operations and no mistakes either: the documents, and the pages that show them.
PAGES = frozenset({
    "/api/v1/openapi.json", "/openapi.json", "/openapi-worker.json", "/openapi-jobs.json", "/openapi-platform-api.json",
    "/openapi-machines.json", "/llms.txt"})
PAGE_FOLDERS = ("/api/v1/ui/",)
# What answers a POST here does so in a protocol of its own, which no document describes.
OTHER_PROTOCOLS = frozenset({"/mcp"})
STAMPS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-Id")
# Statuses that no operation declares and `default` stands for: an operation of the document that is still without a handler.
UNDECLARED = frozenset({"501"})
# What `code` may be, by status. A program that reads the contract decides by these.
CODES: Mapping[int, frozenset[str]] = {
    400: frozenset({"validation_error"}),
    401: frozenset({"unauthorized", "invalid_credentials"}),
    403: frozenset({"forbidden"}),
    404: frozenset({"not_found", "log_not_found", "missing_output"}),
    405: frozenset({"method_not_allowed"}),
    408: frozenset({"request_timeout"}),
    409: frozenset({"conflict"}),
    412: frozenset({"precondition_failed"}),
    413: frozenset({"payload_too_large"}),
    415: frozenset({"unsupported_media_type"}),
    416: frozenset({"range_not_satisfiable"}),
    422: frozenset({"unprocessable"}),
    429: frozenset({"rate_limited"}),
    500: frozenset({"internal_error"}),
    501: frozenset({"not_implemented"}),
    503: frozenset({"unavailable"}),
}
JSON = "application/json"


class Answer(Protocol):
    """What is looked at of an HTTP client's response."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, whose names have no case."""

    @property
    def content(self) -> bytes:
        """The body as it came."""


@dataclass(frozen=True)
class Route:
    """The operations of one path template of one document."""

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]


class Conformance:
    """Holds answers against documents."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = tuple(documents)
        self._routes = _routes(self._documents)

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Raise AssertionError, with the operation and what is wrong, when the answer is not as promised."""
        route = next((each for each in self._routes if each.pattern.fullmatch(path)), None)
        wanted = "GET" if method.upper() == "HEAD" else method.upper()
        operation = route.operations.get(wanted) if route else None
        if operation is not None:
            wrong, name = self._of_operation(operation, answer, head=method.upper() == "HEAD"), operation.operation_id
        else:
            wrong, name = self._of_no_operation(route, path, answer, head=method.upper() == "HEAD"), f"{method} {path}"
        if wrong:
            raise AssertionError(f"{name} answered {answer.status_code} against the contract: " + "; ".join(wrong))

    def _of_operation(self, operation: Operation, answer: Answer, *, head: bool) -> list[str]:
        status = str(answer.status_code)
        declared = operation.responses.get("default" if status in UNDECLARED else status)
        if declared is None:
            return [f"the status is not declared; body {answer.content[:300]!r}"]
        wrong = _header_faults(operation.document, declared, answer)
        return wrong if head else wrong + _body_faults(operation.document, declared, answer)

    def _of_no_operation(self, route: Route | None, path: str, answer: Answer, *, head: bool) -> list[str]:
        wrong = [f"the header {name} is missing" for name in STAMPS if name not in answer.headers]
        page = path in PAGES or f"{path}/".startswith(PAGE_FOLDERS)
        if (page and answer.status_code < 400) or (path in OTHER_PROTOCOLS and answer.status_code != 405):
            return wrong
        expected = 405 if route or path in OTHER_PROTOCOLS or (page and answer.status_code == 405) else 404
        if answer.status_code not in (expected, 429):
            wrong.append(f"no operation is here, so that the status has to be {expected}")
        if answer.status_code == 405:
            wrong += _allow_faults({"POST"} if path in OTHER_PROTOCOLS else set(route.operations) if route else {"GET"}, answer)
        return wrong if head else wrong + self._standard_body_faults(answer)

    def _standard_body_faults(self, answer: Answer) -> list[str]:
        if _media_type(answer) != JSON:
            return [f"the media type is {_media_type(answer)!r}, not {JSON}"]
        for document in self._documents:
            if "ErrorResponse" in document.root.get("components", {}).get("schemas", {}):
                return _json_faults(document, {"$ref": "#/components/schemas/ErrorResponse"}, answer)
        return ["no document says how a refusal looks"]


def _routes(documents: Iterable[Document]) -> list[Route]:
    """All path templates; those with fewer parameters come first, since a literal path wins over a template."""
    found: dict[tuple[int, str], dict[str, Operation]] = {}
    for document in documents:
        for operation in document.operations:
            key = operation.full_path.count("{"), _pattern(operation)
            found.setdefault(key, {})[operation.method.upper()] = operation
    return [Route(re.compile(pattern), operations) for (_, pattern), operations in sorted(found.items(), key=lambda each: each[0])]


def _pattern(operation: Operation) -> str:
    kinds = {each["name"]: _kind(operation, each) for each in operation.parameters}
    parts = re.split(r"\{([^}]+)\}", operation.full_path)
    parts[::2] = [re.escape(part) for part in parts[::2]]
    parts[1::2] = [kinds[part] for part in parts[1::2]]
    return "".join(parts)


def _kind(operation: Operation, parameter: Mapping[str, Any]) -> str:
    is_integer = operation.document.resolve(parameter.get("schema", {})).get("type") == "integer"
    return "-?[0-9]{1,18}" if is_integer else "(?s:.+)" if parameter.get("x-slashes") else "[^/]+"


def _header_faults(document: Document, declared: Response, answer: Answer) -> list[str]:
    wrong = [f"the header {name} is missing" for name in sorted(declared.required_headers) if name not in answer.headers]
    for name, header in declared.headers.items():
        if name in answer.headers:
            value = _header_value(document.resolve(header["schema"]), answer.headers[name])
            wrong += [f"the header {name}: {fault}" for fault in faults(_validator(document, header["schema"]), value)]
    return wrong


def _header_value(schema: Mapping[str, Any], text: str) -> int | str:
    return int(text) if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]{1,30}", text) else text


def _body_faults(document: Document, declared: Response, answer: Answer) -> list[str]:
    if not declared.content:
        return [f"there is a body, {answer.content[:100]!r}, where none is declared"] if answer.content else []
    media = {kind.split(";", 1)[0]: each for kind, each in declared.content.items()}.get(_media_type(answer))
    if media is None:
        return [f"the media type is {_media_type(answer)!r}, declared are {sorted(declared.content)}"]
    if _media_type(answer) == JSON:
        return _json_faults(document, media["schema"], answer)
    if document.resolve(media.get("schema", {})).get("type") != "string" or media["schema"].get("format") == "binary":
        return []
    return faults(_validator(document, media["schema"]), answer.content.decode("utf-8"))


def _json_faults(document: Document, schema: Mapping[str, Any], answer: Answer) -> list[str]:
    try:
        body = json.loads(answer.content)
    except ValueError as wrong:
        return [f"the body is no JSON: {wrong}"]
    found = faults(_validator(document, schema), body)
    return found if found or schema.get("$ref") != "#/components/schemas/ErrorResponse" else _refusal_faults(body, answer)


def _refusal_faults(body: Mapping[str, Any], answer: Answer) -> list[str]:
    wrong = []
    if body["code"] not in CODES.get(answer.status_code, frozenset()):
        wrong.append(f"the code {body['code']!r} does not go with the status")
    if body["details"].get("request_id") != answer.headers.get("X-Request-Id"):
        wrong.append("details.request_id is not the X-Request-Id")
    if answer.status_code == 400 and not body["details"].get("fields"):
        wrong.append("details.fields names no field")
    return wrong


def _allow_faults(complete: set[str], answer: Answer) -> list[str]:
    allowed = {method.strip() for method in answer.headers.get("Allow", "").split(",")} - {""}
    lacking = complete - allowed
    beyond = allowed - complete - {"HEAD", "OPTIONS"}
    wrong = [f"Allow lacks {sorted(lacking)}"] if lacking else []
    return [*wrong, f"Allow names {sorted(beyond)}, which are not there"] if beyond else wrong


def _media_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").split(";")[0].strip().lower()


def _validator(document: Document, schema: Mapping[str, Any]) -> Draft4Validator:
    return _compiled(document, json.dumps(schema, sort_keys=True))


@lru_cache(maxsize=512)
def _compiled(document: Document, schema: str) -> Draft4Validator:
    # What the server sends may hold nothing that the document does not name, though a client has to bear it.
    return validator(document, json.loads(schema), closed=True)
