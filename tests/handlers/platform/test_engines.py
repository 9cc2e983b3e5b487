"""The whole of the platform's API says the same on either database, reading and writing."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from api.server import make_server
from contract.application import ADMIN, PASSWORD, make_token, prepare, settings_for
from contract.client import ValidatingClient
from contract.documents import Operation, load_documents
from contract.fixtures import KNOWN, PLATFORM_KNOWN, SPARES, UNUSED_EXTENSION
from tests import builders
from tests.mariadb import Server

DOCUMENT = next(document for document in load_documents() if document.name == "openapi-platform-api.yaml")
# What is another one for each server, or at each time.
OWN = {"request_id", "checked_at", "token", "expires_at", "created_at", "dependencies", "download_url", "next_cursor", "queued_at"}
# End the token that all is asked with, and so come last.
LAST = ("platform_revoke_token", "platform_revoke_current_token")
KNOWN_WORDS: Mapping[str, Any] = {"extension": UNUSED_EXTENSION, "platform": "linux", "token_id": 1}
LOGIN = {"email": ADMIN, "password": PASSWORD}
# What is always refused, what asks without a token that is good any more, and what is there already.
REFUSED = {
    "POST /runs/9420/restart": 409, "GET /auth/me/ftp-credentials": 501, "POST /auth/signup": 501, "POST /auth/password-reset": 501,
    "POST /auth/password-reset/complete": 501, "POST /users/7/password-reset": 501, "DELETE /auth/tokens/1": 401,
    "POST /system/forbidden-extensions": 409}
SPARED = ("regression_test_id", "sample_id", "extra_id", "category_id", "queued_id")


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    target: str
    body: Any
    is_form: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


def requests_of(number: int, operation: Operation) -> Iterator[Asked]:
    """The operation with what it needs, and once with each word that a filter can have."""
    content = {} if operation.body is None else operation.body["content"]
    body: Any = next((media["example"] for media in content.values()), None)
    if operation.path == "/auth/tokens" and body is not None:
        body = body | LOGIN
    elif operation.method == "post" and "name" in (body or {}):
        body = body | {"name": f"new {number}"}
    target = operation.full_path.format_map({**KNOWN, **PLATFORM_KNOWN, **KNOWN_WORDS, **_spare(number, operation)})
    is_form = "multipart/form-data" in content
    yield Asked(operation.method.upper(), target, body, is_form)
    if operation.method == "get":
        for parameter in operation.parameters:
            words = parameter["schema"].get("enum", ["1"]) if parameter["in"] == "query" else []
            yield from (Asked("GET", f"{target}?{parameter['name']}={word}", None) for word in words)


def _spare(number: int, operation: Operation) -> Mapping[str, int]:
    """What an operation may end; each has its own, since another one finds nothing there any more."""
    ends = operation.method == "delete" and "{variant_id}" not in operation.path or operation.path.endswith(("/finalize", "/link"))
    return dict.fromkeys(SPARED, SPARES[number]) if ends else {}


def order(operation: Operation) -> tuple[bool, bool]:
    """Reading first, in the document's order."""
    return operation.operation_id in LAST, operation.method != "get"


REQUESTS = [
    asked for number, operation in enumerate(sorted(DOCUMENT.operations, key=order)) for asked in requests_of(number, operation)]


def answers(folder: Path, url: str | None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, Any]]:
    """What a server answers to all requests, one after another, on an engine's database."""
    # The same rows for each.
    monkeypatch.setattr(builders, "_numbers", count(1))
    settings = settings_for(folder, **({} if url is None else {"database_url": url}))
    prepare(settings)
    with ExitStack() as opened:
        client = opened.enter_context(ValidatingClient(make_server(settings), token=make_token().value))
        return [(str(asked), *_answer(client, asked)) for asked in REQUESTS]


def _answer(client: ValidatingClient, asked: Asked) -> tuple[int, Any]:
    content = {} if asked.body is None else {"files": {"file": ("a.ts", b"media")}} if asked.is_form else {"json": asked.body}
    answer = client.request(asked.method, asked.target, **content)
    return answer.status_code, _without(answer.json()) if answer.content else None


def _without(content: Any) -> Any:
    """The content without what is the server's own."""
    if isinstance(content, dict):
        return {name: _without(value) for name, value in content.items() if name not in OWN}
    return [_without(each) for each in content] if isinstance(content, list) else content


@pytest.mark.mariadb
def test_every_operation_answers_alike_on_either_database(
    tmp_path: Path, mariadb_server: Server, monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = mariadb_server.create_database()
    try:
        theirs = answers(tmp_path / "mariadb", url.render_as_string(hide_password=False), monkeypatch)
    finally:
        mariadb_server.drop_database(url)

    ours = answers(tmp_path / "sqlite", None, monkeypatch)

    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []
    statuses = {name.replace(DOCUMENT.base_path, ""): status for name, status, _ in ours if "?" not in name}
    assert {name: status for name, status in statuses.items() if status >= HTTPStatus.BAD_REQUEST} == REFUSED
