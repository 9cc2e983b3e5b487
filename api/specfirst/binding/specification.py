"""Connexion's view of an OpenAPI document, held to OpenAPI's own schema by a compiled engine."""
from __future__ import annotations

from typing import Any

import jsonschema_rs
from connexion.spec import OpenAPISpecification

_OPENAPI = jsonschema_rs.Draft4Validator(OpenAPISpecification.openapi_schema)


class CompiledSpecification(OpenAPISpecification):  # type: ignore[misc]
    """A document that OpenAPI allows. Raises InvalidSpecification.

    Connexion's own engine takes two thirds of a server's start for this, so it is only asked what is wrong.
    That defaults are allowed by their own schemas is a matter of contract/test_document_examples.py.
    """

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        if not _OPENAPI.is_valid(spec):
            super()._validate_spec(spec)
