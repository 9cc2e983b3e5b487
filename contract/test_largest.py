"""That what is called the largest request is one that the documents allow."""
from __future__ import annotations

from typing import Any

import pytest

from contract.documents import Operation, load_documents, load_pages
from contract.largest import body_of, largest, parameters_of
from contract.schemas import faults, validator

OPERATIONS = [operation for document in (*load_documents(), load_pages()) for operation in document.operations]
PARAMETERS = [pytest.param(operation, each, id=f"{operation.operation_id}-{each['name']}")
              for operation in OPERATIONS for each in operation.parameters]
JSON = "application/json"
WITH_BODY = [each for each in OPERATIONS if JSON in (each.body or {}).get("content", {})]


@pytest.mark.parametrize(("operation", "parameter"), PARAMETERS)
def test_the_largest_value_of_a_parameter_is_legal(operation: Operation, parameter: dict[str, Any]) -> None:
    value = largest(operation.document, parameter["schema"])

    assert faults(validator(operation.document, parameter["schema"]), value) == []
    most = operation.document.resolve(parameter["schema"]).get("maxLength")
    assert most is None or "format" in operation.document.resolve(parameter["schema"]) or len(value) == most


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.operation_id)
def test_the_largest_body_is_legal(operation: Operation) -> None:
    schema = (operation.body or {})["content"][JSON]["schema"]

    assert faults(validator(operation.document, schema), body_of(operation, JSON)) == []


def test_parameters_are_told_by_where_they_stand() -> None:
    [runs] = [each for each in OPERATIONS if each.operation_id == "list_runs"]

    assert parameters_of(runs, "query")["limit"] == 100
    assert "limit" not in parameters_of(runs, "header")
