"""The compiled engine held to the verdict of the plain one, over instances of every schema of the documents."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from connexion.json_schema import resolve_refs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.app import DOCUMENTS
from api.specfirst.binding.documents import METHODS, load
from api.specfirst.validation.engines import compiled, plain
from api.specfirst.validation.formats import is_date_time, utc_text
from api.specfirst.validation.schemas import draft4
from api.specfirst.validation.violations import Walk
from tests.examples import examples
from tests.specfirst.validation.instances import DATE_TIMES, DATES, EMAILS, TEXT, URIS, mutated

THOROUGHLY = settings(max_examples=examples(60, part=9), deadline=None, suppress_health_check=list(HealthCheck))


def _schemas() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for document in DOCUMENTS:
        content = resolve_refs(load(document))
        for name, schema in content["components"]["schemas"].items():
            yield f"{document.name}/{name}", schema
        for path, item in content["paths"].items():
            for method in sorted(METHODS & item.keys()):
                for parameter in item[method].get("parameters", ()):
                    yield f"{document.name}{path}/{method}/{parameter['name']}", parameter["schema"]


SCHEMAS = dict(_schemas())


def _distinct() -> dict[str, Mapping[str, Any]]:
    seen: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, schema in SCHEMAS.items():
        seen.setdefault(repr(draft4(schema)), (name, schema))
    return dict(seen.values())


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", sorted(_distinct()))
def test_both_engines_give_the_same_verdict_and_what_they_refuse_is_explained(name: str) -> None:
    schema = SCHEMAS[name]
    engine, oracle = compiled(schema), plain(schema)

    @THOROUGHLY
    @given(mutated(schema))
    def agree(instance: Any) -> None:
        verdict = oracle.is_valid(instance)

        assert engine.is_valid(instance) is verdict
        assert any(Walk().violations(draft4(schema), instance)) is not verdict

    agree()


@pytest.mark.parametrize(("keyword", "texts"), [("date-time", DATE_TIMES), ("date", DATES), ("email", EMAILS), ("uri", URIS)])
def test_both_engines_have_the_same_idea_of_a_format(keyword: str, texts: st.SearchStrategy[str]) -> None:
    schema = {"type": "string", "format": keyword}
    engine, oracle = compiled(schema), plain(schema)

    @settings(max_examples=500, deadline=None)
    @given(texts | TEXT)
    def agree(text: str) -> None:
        assert engine.is_valid(text) is oracle.is_valid(text)

    agree()


@pytest.mark.parametrize("pattern", ["^[a-f]{4}$", "^a$|^b$", r"^[$\]]+$", r"^\d+$", r"^\$\w$", "a$", "^[!-~]+$"])
def test_both_engines_have_the_same_idea_of_a_pattern(pattern: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    engine, oracle = compiled(schema), plain(schema)

    @settings(max_examples=200, deadline=None)
    @given(st.from_regex(pattern) | st.from_regex(pattern).map(_with_newline) | TEXT | st.sampled_from(["٣", "é", "$", "]"]))
    def agree(text: str) -> None:
        assert engine.is_valid(text) is oracle.is_valid(text)

    agree()


def _with_newline(text: str) -> str:
    return text + "\n"


def test_every_format_of_the_documents_is_checked_or_says_nothing_of_the_text() -> None:
    used = {schema["format"] for each in SCHEMAS.values() for schema in _strings(each) if "format" in schema}

    assert used <= {"date-time", "date", "email", "uri", "password", "binary", "int32", "int64"}


def _strings(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") == "string":
            yield node
        node = list(node.values())
    for each in node if isinstance(node, list) else ():
        yield from _strings(each)


@settings(max_examples=500, deadline=None)
@given(DATE_TIMES)
@example("0000-02-29T23:59:59+23:59")
@example("9999-12-31T23:59:60Z")
def test_a_valid_instant_is_readable_and_within_the_calendar(text: str) -> None:
    if not is_date_time(text):
        return

    read = datetime.fromisoformat(utc_text(text))

    assert read.tzinfo is UTC
    assert utc_text(utc_text(text)) == utc_text(text)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-1439, 1439))
def test_an_instant_stays_the_same_instant(local: datetime, offset: int) -> None:
    instant = local.replace(tzinfo=timezone(timedelta(minutes=offset)))

    assert datetime.fromisoformat(utc_text(instant.isoformat())) == instant


def test_nullable_widens_a_type_and_its_enum_and_nothing_else() -> None:
    properties = {"nullable": {"type": "string", "enum": ["a"], "nullable": True}, "example": {"nullable": True}}
    schema = {"properties": properties, "example": 5}

    assert draft4(schema) == {"properties": {"nullable": {"type": ["string", "null"], "enum": ["a", None]}, "example": {}}}
