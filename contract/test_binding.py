"""Every operation of every document has its handler, but for a set that is named here and shrinks."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import Application
from api.domain.access import Role
from api.middleware.binding import find_function
from api.server import make_server
from contract.client import ValidatingClient
from contract.documents import Operation, load_documents
from contract.served import prepare, settings_for
from contract.unbound import UNBOUND
from tests.builders import add_token, add_user

OPERATIONS = [operation for document in load_documents() for operation in document.operations]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """The server as it runs."""
    settings = settings_for(tmp_path_factory.mktemp("bound"))
    prepare(settings)
    return make_server(settings)


@pytest.fixture(scope="module")
def admin(app: Application) -> Iterator[ValidatingClient]:
    """A client that may do everything."""
    with app.flask.app_context():
        token = add_token(add_user(role=Role.ADMIN))
    with ValidatingClient(app, token=token) as client:
        yield client


def test_every_operation_is_bound_by_its_id_or_known_to_be_missing() -> None:
    missing = {operation.operation_id for operation in OPERATIONS if find_function(operation.operation_id) is None}

    assert missing == UNBOUND


def test_the_server_knows_the_same_operations_to_be_missing(app: Application) -> None:
    assert app.unbound_operations == UNBOUND


def test_no_two_operations_are_bound_to_one_function() -> None:
    functions = [find_function(operation.operation_id) for operation in OPERATIONS if operation.operation_id not in UNBOUND]

    assert len(set(functions)) == len(functions)


def test_every_handler_lies_where_handlers_lie() -> None:
    assert {operation.operation_id.rpartition(".")[0].rpartition(".")[0] for operation in OPERATIONS} == {"api.handlers"}


def test_operations_that_are_missing_say_so_in_the_standard_body(admin: ValidatingClient) -> None:
    answers = [ask(admin, operation) for operation in OPERATIONS if operation.operation_id in UNBOUND]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} <= {(501, "not_implemented")}


def ask(client: ValidatingClient, operation: Operation) -> Any:
    """Ask for an operation with a 1 for whatever it needs."""
    path = operation.full_path
    for parameter in operation.parameters:
        path = path.replace("{" + parameter["name"] + "}", "1")
    query = {each["name"]: 1 for each in operation.parameters if each["in"] == "query" and each.get("required")}
    return client.request(operation.method.upper(), path, params=query)


def test_the_fuzzers_configuration_names_operations_that_there_are() -> None:
    text = Path(__file__).with_name("schemathesis.toml").read_text(encoding="utf-8")

    named = {part for part in text.split('"') if part.startswith("api.handlers.")}

    assert named <= {operation.operation_id for operation in OPERATIONS}
