"""Documents and functions that do not fit each other stop the start."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from api.app import DOCUMENTS, create_app
from api.config import Settings
from api.specfirst.binding.binding import BindingError, find_function
from api.specfirst.binding.documents import Document, load, operations
from tests.specfirst import operations as handlers
from tests.specfirst.conftest import authenticate

SCOPED = {"x-required-scope": "runs:read"}
OPEN: dict[str, Any] = {"security": []}


def _start(folder: Path, operation: dict[str, Any], find: Any = lambda operation_id: handlers.who, path: str = "/x") -> None:
    responses = {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}}}}}
    text = {
        "openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "security": [{"bearerAuth": []}],
        "components": {"securitySchemes": {"bearerAuth": {
            "type": "http", "scheme": "bearer", "x-bearerInfoFunc": "api.specfirst.access.security.bearer_info"}}},
        "paths": {path: {"post": {
            "operationId": "x", "x-openapi-router-controller": "some.where", "responses": responses, **operation}}}}
    file = folder / "document.yaml"
    file.write_text(yaml.safe_dump(text))
    create_app(Settings(), authenticate=authenticate, documents=[Document("x", "X", file, "/api", ("/x.json",))], find=find)


async def _on_the_loop(request: Any) -> Any:
    """Do nothing."""


def test_a_document_and_functions_that_fit_start(tmp_path: Path) -> None:
    _start(tmp_path, SCOPED)


def test_a_secured_operation_must_name_a_scope(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="names no x-required-scope"):
        _start(tmp_path, {})


def test_an_open_operation_cannot_ask_for_a_role(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="need not be known"):
        _start(tmp_path, {**OPEN, "x-required-roles": ["admin"]})


def test_a_bucket_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="is no bucket"):
        _start(tmp_path, {**SCOPED, "x-rate-bucket": "bathtub"})


def test_an_operation_must_have_an_id(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="has no operationId"):
        _start(tmp_path, {**SCOPED, "operationId": ""})


def test_an_operation_must_name_the_module_of_its_function(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="has no x-openapi-router-controller"):
        _start(tmp_path, {**SCOPED, "x-openapi-router-controller": ""})


def test_a_function_is_looked_for_in_the_controller_by_the_operations_id(tmp_path: Path) -> None:
    asked: list[str] = []

    _start(tmp_path, SCOPED, find=asked.append)

    assert asked == ["some.where.x"]


def test_something_that_cannot_be_called_is_no_function(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="cannot be called"):
        _start(tmp_path, SCOPED, find=lambda operation_id: handlers.NOT_CALLABLE)


def test_an_operation_on_the_loop_must_be_async(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="x-native-async is True"):
        _start(tmp_path, {**SCOPED, "x-native-async": True})


def test_an_ordinary_operation_must_not_be_async(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="x-native-async is False"):
        _start(tmp_path, SCOPED, find=lambda operation_id: _on_the_loop)


def test_a_handler_must_not_need_what_the_document_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match="nothing in the document fills thing_id"):
        _start(tmp_path, SCOPED, find=lambda operation_id: handlers.get_thing)


def test_an_ordinary_operation_takes_no_uploads(tmp_path: Path) -> None:
    body = {"requestBody": {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}

    with pytest.raises(BindingError, match="on the event loop"):
        _start(tmp_path, {**SCOPED, **body})


def test_braces_in_a_description_are_just_braces(tmp_path: Path) -> None:
    _start(tmp_path, {**SCOPED, "description": "{{ this }} {% would %} {# break #} a template"})


def test_a_module_or_function_that_is_not_there_is_not_found() -> None:
    names = ["api.nowhere.f", "nowhere.at.all.f", "api.specfirst.request_context.f", "api.specfirst.request_context.now"]

    found = [find_function(name) for name in names]

    assert found[:3] == [None, None, None]
    assert callable(found[3])


def test_a_module_that_breaks_while_it_is_imported_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_handlers.py").write_text("import module_that_does_not_exist\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ModuleNotFoundError, match="module_that_does_not_exist"):
        find_function("broken_handlers.f")


def test_no_operation_id_stands_twice_in_the_documents() -> None:
    ids = [text.operation_id for document in DOCUMENTS for text in operations(document, load(document))]

    assert len(ids) == len(set(ids))


def test_every_bound_operation_of_the_documents_is_bound_by_its_controller_and_id() -> None:
    app = create_app(Settings(), authenticate=authenticate)
    texts = [text for document in DOCUMENTS for text in operations(document, load(document))]

    bound = {text.operation_id for text in texts if find_function(f"{text.controller}.{text.operation_id}") is not None}

    assert bound == {text.operation_id for text in texts} - app.unbound_operations


def test_a_body_must_have_an_end(tmp_path: Path) -> None:
    content = {"application/json": {"schema": {"type": "object", "additionalProperties": False, "properties": {"x": {"type": "string"}}}}}

    with pytest.raises(BindingError, match="x: body.x has no maxLength"):
        _start(tmp_path, {**SCOPED, "requestBody": {"content": content}})


def test_a_body_must_be_of_a_kind_that_something_reads(tmp_path: Path) -> None:
    operation = {**SCOPED, "x-native-async": True, "requestBody": {"content": {"text/csv": {"schema": {"type": "string", "maxLength": 9}}}}}

    with pytest.raises(BindingError, match="nothing reads a body of text/csv"):
        _start(tmp_path, operation, find=lambda operation_id: _on_the_loop)
