"""Every link of the documents, followed on a server that has something to show."""
from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.server import make_server
from contract.application import ADMIN, KNOWN_JOB, PASSWORD, REVIEWER, make_token, prepare, settings_for
from contract.client import ValidatingClient
from contract.documents import Operation, load_documents
from contract.fixtures import CLASS_ID, KNOWN, REQUESTS
from tests.submitted_jobs import zip_of

OPERATIONS = {each.operation_id: each for document in load_documents() for each in document.operations}
LINKED = [each for each in OPERATIONS.values() if any("links" in raw for raw in each.raw["responses"].values())]
# As contract/application.py names them.
DATABASE, FILES = "ci.db", "files"
LOGIN, SUBMISSION = "create_token", "submit_job_async"
# Files of the library, with what is said beside them.
UPLOADS: Mapping[str, Mapping[str, str]] = {
    "upload_sample": {}, "add_extra_file": {}, "upload_baseline": {"reason": "The captions were typed off the screen by hand."}}
DECISIONS = {f"{decision}_baseline": number for decision, number in REQUESTS.items()}
# A run that just waits has no log, and what is decided is not decided otherwise.
NOT_YET = {"log_not_found", "conflict"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server, with its database and files as they are at first."""
    folder = tmp_path_factory.mktemp("served")
    prepare(settings_for(folder))
    return folder


@pytest.fixture(scope="module")
def first(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(served, tmp_path_factory.mktemp("first"), dirs_exist_ok=True))


@pytest.fixture(scope="module")
def shared_client(first: Path, served: Path) -> Iterator[ValidatingClient]:
    """A client of an admin, who may see and do everything but decide about what they asked for."""
    with ValidatingClient(make_server(settings_for(served)), token=make_token().value) as client:
        yield client


@pytest.fixture
def client(served: Path, first: Path, shared_client: ValidatingClient) -> ValidatingClient:
    """The same client, after the server's database and files were made what they were at first."""
    with closing(sqlite3.connect(first / DATABASE)) as kept, closing(sqlite3.connect(served / DATABASE)) as live:
        kept.backup(live)
    shutil.rmtree(served / FILES)
    shutil.copytree(first / FILES, served / FILES)
    return shared_client


def ask(client: ValidatingClient, operation: Operation, parameters: Mapping[str, Any], **rest: Any) -> Any:
    """The answer to an operation, asked for by somebody who may, with these parameters."""
    declared = {each["name"]: each["in"] for each in operation.parameters}
    path = operation.full_path.format(**{name: value for name, value in parameters.items() if declared[name] == "path"})
    query = {name: value for name, value in parameters.items() if declared[name] == "query"}
    if "timeout" in declared:
        query["timeout"] = 1
    by = client.as_(_log_in(client, REVIEWER)) if operation.operation_id in DECISIONS else client
    return by.request(operation.method.upper(), path, params=query, **rest)


def _log_in(client: ValidatingClient, email: str) -> str:
    return str(client.post(OPERATIONS[LOGIN].full_path, json=_login(email)).json()["token"])


def _login(email: str) -> dict[str, Any]:
    return {"email": email, "password": PASSWORD, "token_name": uuid4().hex, "scopes": ["baselines:write", "results:read"]}


def ask_first(client: ValidatingClient, operation: Operation) -> Any:
    """The answer to an operation that is asked for what its document's examples speak of."""
    known = {**KNOWN, **KNOWN_JOB, "class_id": CLASS_ID, "approval_id": DECISIONS.get(operation.operation_id, REQUESTS["approve"])}
    parameters = {each["name"]: known[each["name"]] for each in operation.parameters if each["in"] == "path"}
    if operation.operation_id == SUBMISSION:
        return ask(client, operation, parameters, files={"file": zip_of()})
    if operation.operation_id in UPLOADS:
        return ask(client, operation, parameters, files={"file": ("news.ts", b"media of its own")}, data=UPLOADS[operation.operation_id])
    if operation.operation_id == LOGIN:
        return ask(client, operation, parameters, json=_login(ADMIN))
    body = None if operation.body is None else operation.body["content"]["application/json"]["example"]
    return ask(client, operation, parameters, json=body)


def follow(client: ValidatingClient, link: Mapping[str, Any], content: Any) -> Any:
    """The answer to what a link of an answer with this content leads to."""
    parameters = {name: _told(content, expression) for name, expression in link["parameters"].items()}
    target = OPERATIONS[link["operationId"]]
    return ask(client, target, parameters, json=None if target.body is None else {})


def _told(content: Any, expression: str) -> Any:
    for part in expression.removeprefix("$response.body#/").split("/"):
        content = content[int(part)] if isinstance(content, list) else content[part]
    return content


@pytest.mark.parametrize("operation", LINKED, ids=lambda operation: operation.operation_id)
def test_each_link_of_an_answer_leads_to_something(client: ValidatingClient, operation: Operation) -> None:
    answer = ask_first(client, operation)
    links = operation.raw["responses"][str(answer.status_code)]["links"]

    led_to = {name: follow(client, link, answer.json()) for name, link in links.items()}

    assert {
        name: found.text for name, found in led_to.items()
        if found.status_code >= 400 and found.json()["code"] not in NOT_YET} == {}
