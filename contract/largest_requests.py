"""The largest requests that the documents allow, of every operation and of each of its parameters."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from contract.documents import Operation
from contract.largest import body_of, largest, parameters_of

JSON = "application/json"
# What makes an answer larger; all other parameters narrow it, or say where it begins.
_SIZES = ("limit", "max_bytes", "context_lines", "include_stack", "from_beginning")
# A stream of what is not over lasts as long as this says.
# A longer target is refused before there is a request.
_MAX_TARGET = 10_000
_LASTS = {"timeout": 1, "wait": 1}


@dataclass(frozen=True)
class Asked:
    """A request, and what is the largest in it."""

    operation: Operation
    what: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __str__(self) -> str:
        return f"{self.operation.method} {self.operation.path} {self.what}"


def requests_of(operation: Operation, known: Mapping[str, Any]) -> Iterator[Asked]:
    """The operation's requests; paths, and the ids that are required elsewhere, are of what is `known` unless they are at their largest."""
    query, headers = parameters_of(operation, "query"), parameters_of(operation, "header")
    query |= {name: seconds for name, seconds in _LASTS.items() if name in query}
    needed = _known_in(operation, known)
    kinds = [kind for kind in (operation.body or {}).get("content", {}) if kind == JSON]
    body = encoded(body_of(operation, JSON)) if kinds else None
    yield _asked(operation, "pages", known, needed | {name: query[name] for name in (*_SIZES, *_LASTS) if name in query}, {}, body)
    for name in query:
        yield _asked(operation, f"?{name}", known, needed | {name: query[name]}, {}, body)
    for name, value in headers.items():
        yield _asked(operation, name, known, needed, {name: value}, body)
    if len(query) + len(headers) > 1:
        yield _asked(operation, "all", known, query, headers, body)
    if "{" in operation.path:
        yield _asked(operation, "path", _largest_path(operation), query, headers, body)
    if kinds:
        yield _asked(operation, "known body", known, needed, {}, encoded(_known_body(body_of(operation, JSON), known)))


def encoded(body: Any) -> bytes:
    """A body as it is sent, its letters as they are."""
    return json.dumps(body, ensure_ascii=False).encode()


def _known_in(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    """The query's parameters that are required, or that say which thing of a sample is meant."""
    return {
        each["name"]: known[each["name"]] for each in operation.parameters
        if each["in"] == "query" and each["name"] in known and (each.get("required") or operation.path.endswith("}/diff"))}


def _known_body(body: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(body, dict):
        return {name: known.get(name, _known_body(value, known)) for name, value in body.items()}
    return [_known_body(each, known) for each in body] if isinstance(body, list) else body


def _largest_path(operation: Operation) -> dict[str, Any]:
    return {
        each["name"]: largest(operation.document, each["schema"]) for each in operation.parameters if each["in"] == "path"}


def _asked(
    operation: Operation, what: str, places: Mapping[str, Any], query: Mapping[str, Any], headers: Mapping[str, str],
    body: bytes | None,
) -> Asked:
    path = operation.full_path
    for name in (each["name"] for each in operation.parameters if each["in"] == "path"):
        path = path.replace("{" + name + "}", quote(str(places.get(name, 1)), safe=""))
    words = {name: _word(value) for name, value in query.items()}
    given = {name: str(value).encode("ascii", "replace").decode() for name, value in headers.items()}
    kind = {"Content-Type": JSON} if body is not None else {}
    return Asked(operation, what, path + ("?" + urlencode(words) if words else ""), given | kind, body)


def _word(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value


def nasty_requests_of(operation: Operation, known: Mapping[str, Any], size: int, *, apart: bool = False) -> Iterator[Asked]:
    """Requests that are to be refused, each of about so many bytes, and each costly to judge in a way of its own.

    They try all parameters at once, unless each is to be tried `apart`.
    """
    needed = _known_in(operation, known)
    names = [each["name"] for each in operation.parameters if each["in"] == "query"]
    for tried in ([[name] for name in names] if apart else [names] if names else []):
        for label, text in _texts(min(size, _MAX_TARGET) // len(tried)).items():
            yield _asked(operation, f"?{'&'.join(tried)} {label}", known, needed | dict.fromkeys(tried, text), {}, None)
    unknown = {f"u{number}": "" for number in range(min(size, _MAX_TARGET) // 8)}
    yield _asked(operation, "unknown parameters", known, needed | unknown, {}, None)
    if JSON in (operation.body or {}).get("content", {}):
        for label, body in _bodies(operation, size).items():
            yield _asked(operation, label, known, needed, {}, body)


def _texts(size: int) -> dict[str, str]:
    """Texts on which a careless pattern, or a reader of numbers and dates, goes back and forth."""
    return {
        "letters": "a" * size, "hours": "T" * min(size, 1_100), "digits": "9" * size, "blanks": " " * size + "!",
        "dots": "a." * (size // 2) + "!",
        "dashes": "-" * size, "slashes": "/" * size, "date": "2026-11-21T12:00:00." + "0" * size + "!", "signs": "+" * size,
        "brackets": "[" * size, "at": "@" * size, "ats": "a@" * (size // 2), "percent": "%" * (size // 3),
        "nul": "\0" * (size // 3)}


def _bodies(operation: Operation, size: int) -> dict[str, bytes]:
    whole = body_of(operation, JSON)
    members = b",".join(b'"u%d":0' % number for number in range(size // 9))
    texts = {**_texts(size), "list": [{}] * (size // 3), "members": dict.fromkeys(map(str, range(size // 9)))}
    return {
        "deep lists": b"[" * (size // 2) + b"]" * (size // 2),
        "deep members": b'{"a":' * (size // 6) + b"0" + b"}" * (size // 6),
        "unknown members": b"{" + members + b"}",
        "a list": b"[" + b",".join([b"0"] * (size // 2)) + b"]",
        "a number": b"9" * size,
        "a text": b'"' + b"a" * size + b'"',
        "escapes": b'"' + b"\\ud83d\\ude00" * (size // 12) + b'"',
        "no end": b'{"a": "' + b"a" * size,
        **{f"{name}: {label}": encoded({**whole, name: text}) for name in whole for label, text in texts.items()}}
