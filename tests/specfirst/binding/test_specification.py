"""Documents are held to OpenAPI's own schema as Connexion holds them to it."""
from __future__ import annotations

from typing import Any

import pytest
from connexion.exceptions import InvalidSpecification
from connexion.spec import OpenAPISpecification

from api.app import DOCUMENTS
from api.specfirst.binding.documents import Document, load
from api.specfirst.binding.specification import CompiledSpecification

INFO = {"title": "t", "version": "1"}
ANSWERED = {"responses": {"200": {"description": "d"}}}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_connexion_finds_nothing_wrong_with_any_document_either(document: Document) -> None:
    assert CompiledSpecification(load(document)).raw == OpenAPISpecification(load(document)).raw


@pytest.mark.parametrize("wrong", [
    {"info": {"title": "t"}, "paths": {}}, {"info": INFO}, {"info": INFO, "paths": {"/a": {"get": {}}}},
    {"info": INFO, "paths": {"/a": {"get": ANSWERED | {"parameters": [{"name": "p", "in": "nowhere"}]}}}},
    {"info": INFO, "paths": {}, "components": {"schemas": {"S": {"type": "text"}}}}])
def test_what_openapi_does_not_allow_is_refused_as_connexion_does(wrong: dict[str, Any]) -> None:
    said = []
    for made in (CompiledSpecification, OpenAPISpecification):
        with pytest.raises(InvalidSpecification) as refused:
            made({"openapi": "3.0.3", **wrong})
        said.append(str(refused.value))

    assert said[0] == said[1]
