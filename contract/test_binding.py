"""Every operation of every document has its handler."""
from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from api.app import Application
from api.server import make_server
from api.specfirst.binding.binding import find_function
from contract.application import prepare, settings_for
from contract.documents import load_documents, load_pages

OPERATIONS = [operation for document in load_documents() for operation in document.operations]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """The server as it runs."""
    settings = settings_for(tmp_path_factory.mktemp("bound"))
    prepare(settings)
    return make_server(settings)


def test_every_operation_is_bound_by_its_id(app: Application) -> None:
    missing = {operation.operation_id for operation in OPERATIONS if find_function(operation.handler) is None}

    assert missing == app.unbound_operations == set()


def test_no_two_operations_are_bound_to_one_function() -> None:
    functions = [find_function(operation.handler) for operation in OPERATIONS]

    assert len(set(functions)) == len(functions)


def test_every_handler_lies_where_handlers_lie() -> None:
    folders = {operation.handler.rpartition(".")[0].rpartition(".")[0] for operation in OPERATIONS}

    assert folders == {f"api.handlers.{name}" for name in ("auth", "jobs", "library", "platform", "results", "runs", "system", "worker")}


def test_the_fuzzers_configuration_names_operations_that_there_are() -> None:
    configuration = tomllib.loads(Path(__file__).with_name("schemathesis.toml").read_text(encoding="utf-8"))
    included = [each["include-operation-id"] for project in configuration["project"] for each in project.get("operations", [])]

    named = {name for names in included for name in ([names] if isinstance(names, str) else names)}

    assert named and named <= {operation.operation_id for operation in (*OPERATIONS, *load_pages().operations)}
