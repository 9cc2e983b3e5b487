"""Every word of the domain that is shown stands in a document's enumeration; a word that lacks there would be a 500."""
from __future__ import annotations

import importlib
import pkgutil
from enum import StrEnum

import pytest

import api.domain
from api.domain.results.failure_code import FailureCode
from api.domain.runs.infrastructure_code import InfrastructureCode
from contract.documents import load_documents

# What never leaves the server, or is the name of a property there.
NOT_SHOWN = {
    "Advance": "what becomes of a worker's report", "ArtifactPart": "the parts of an artifact's key",
    "Bucket": "names of properties in a comparison", "Cancel": "what a cancel does to a job",
    "Decision": "what a reviewer's request asks for", "FactsState": "of facts that are kept",
    "FileKind": "the kind of file within a signed address",
    "Format": "named in a fact's parameter",
    "LateEventKind": "shown as words of a message"}
# The reference's enumeration has a word more, which this server never says.
PART_OF_ONE = {"ActionStatus"}


def domain_enumerations() -> dict[str, frozenset[str]]:
    modules = (importlib.import_module(each.name) for each in pkgutil.walk_packages(api.domain.__path__, "api.domain."))
    return {
        name: frozenset(map(str, found)) for module in modules for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, StrEnum) and found.__module__ == module.__name__}


def document_enumerations() -> list[frozenset[str]]:
    return [
        frozenset(each for each in schema["enum"] if each is not None)
        for document in load_documents() for _, schema in document.schemas() if "enum" in schema]


ENUMERATIONS = domain_enumerations()


@pytest.mark.parametrize("name", sorted(ENUMERATIONS.keys() - NOT_SHOWN.keys()))
def test_an_enumeration_of_the_domain_is_one_of_a_document(name: str) -> None:
    words = ENUMERATIONS[name]

    if name in PART_OF_ONE:
        assert any(words < found for found in document_enumerations())
    else:
        assert words in document_enumerations()


def test_what_is_not_shown_is_there_and_in_no_document() -> None:
    shown = set(document_enumerations())

    assert NOT_SHOWN.keys() | PART_OF_ONE <= ENUMERATIONS.keys()
    assert [name for name in NOT_SHOWN if ENUMERATIONS[name] in shown] == []


def test_an_enumeration_that_may_be_null_says_so_since_generated_clients_know_no_other_way() -> None:
    enumerations = [schema for document in load_documents() for _, schema in document.schemas() if "enum" in schema]

    assert [schema for schema in enumerations if bool(schema.get("nullable")) != (None in schema["enum"])] == []


@pytest.mark.parametrize(("title", "words"), [
    ("Infrastructure code", [*InfrastructureCode]), ("Error code", [*FailureCode, *InfrastructureCode])])
def test_the_codes_of_errors_are_those_of_the_domain_each_told_with_its_type(title: str, words: list[str]) -> None:
    [shown] = [schema for document in load_documents() for _, schema in document.schemas() if schema.get("title") == title]
    kinds = dict.fromkeys(code.type for code in InfrastructureCode)

    told = "; ".join(f"{kind}: {', '.join(code for code in InfrastructureCode if code.type is kind)}" for kind in kinds)

    assert shown["enum"] == words and f" {told}." in " ".join(shown["description"].split())
