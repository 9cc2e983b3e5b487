"""Requests that would cost more than they are worth: each is refused after a number of steps that their size does not raise."""
from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from connexion.json_schema import resolve_refs

from api.app import DOCUMENTS, Application
from api.domain.errors import Invalid
from api.specfirst.binding.documents import load, operations
from api.specfirst.validation import strict_json
from api.specfirst.validation.body_sizes import Unbounded, largest_body
from api.specfirst.validation.engines import compiled, plain
from api.specfirst.validation.request_faults import MAX_COUNTED, Faults
from api.specfirst.validation.violations import MAX_NAMED, MAX_STEPS, Walk
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN

THINGS = "/api/v1/things"
CANCEL = "/api/v1/things/5/cancel"
ASTRAL = "\U0001f9ff"
TEXT = {"type": "string", "maxLength": 5, "enum": ["a"], "pattern": "^[a-z]+$", "format": "email"}
LIST = {"type": "array", "maxItems": 5, "uniqueItems": True, "items": TEXT}
CLOSED = {"type": "object", "additionalProperties": False, "properties": {"texts": LIST}}

either_engine = pytest.mark.parametrize("engine", [compiled, plain])


def _bodies() -> Iterator[tuple[str, str, Mapping[str, Any], int]]:
    for document in DOCUMENTS:
        content = resolve_refs(load(document))
        for each in operations(document, content):
            for kind, media in each.text.get("requestBody", {}).get("content", {}).items():
                yield each.operation_id, kind, media["schema"], each.text.get("x-max-body", sys.maxsize)


BODIES = [(name, schema) for name, kind, schema, _ in _bodies() if kind == "application/json"]
LIMITS = {name: min(largest_body(schema), most) for name, kind, schema, most in _bodies() if kind == "application/json"}


def _largest(schema: Mapping[str, Any]) -> Any:
    """The largest instance of a schema, of characters that take the most bytes where the schema leaves that open."""
    if "oneOf" in schema:
        return max(map(_largest, schema["oneOf"]), key=lambda value: len(json.dumps(value)))
    if "enum" in schema:
        return max(schema["enum"], key=len)
    match schema["type"]:
        case "object":
            return {name: _largest(each) for name, each in schema["properties"].items()}
        case "array":
            options = schema["items"].get("enum") if schema.get("uniqueItems") else None
            return options or [_largest(schema["items"])] * schema["maxItems"]
        case "string":
            # Every pattern of a body allows ASCII alone.
            return ("/" if schema.get("format") == "email" or "pattern" in schema else ASTRAL) * schema["maxLength"]
        case "boolean":
            return False
    return schema["maximum"]


def _escaped(value: Any) -> str:
    """JSON in which each character of texts and names is an escape."""
    if isinstance(value, str):
        return '"' + "".join("\\u" + half for half in value.encode("utf-16-be").hex(" ", 2).split()) + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(_escaped(name) + ": " + _escaped(each) for name, each in value.items()) + "}"
    return "[" + ", ".join(map(_escaped, value)) + "]" if isinstance(value, list) else json.dumps(value)


@pytest.mark.parametrize(("name", "schema"), BODIES, ids=[name for name, _ in BODIES])
def test_no_body_that_keeps_its_schema_is_too_large_however_it_is_written(name: str, schema: Mapping[str, Any]) -> None:
    body = _largest(schema)

    written = [
        json.dumps(body), json.dumps(body, indent=2), json.dumps(body).replace("/", "\\/"), json.dumps(body, ensure_ascii=False),
        _escaped(body)]

    assert max(len(each.encode()) for each in written) <= largest_body(schema)


def test_bodies_of_our_operations_are_small_but_for_those_with_long_texts_or_lists_of_them() -> None:
    limits = {name.rpartition(".")[2]: limit for name, limit in LIMITS.items()}

    assert limits.pop("create_token") == 8192
    assert limits.pop("request_baseline_approvals") < 4 << 20
    assert max(limits.pop(f"{decision}_baselines") for decision in ("approve", "reject", "revert")) < 128 << 10
    assert max(limits.pop(f"{deed}_regression_test") for deed in ("create", "update")) < 128 << 10
    assert limits.pop("update_sample") < 128 << 10
    assert limits.pop("renew_claims") < 512 << 10
    # Results of up to so many tests at once, each with the outputs that it has.
    assert limits.pop("add_claim_results") < 8 << 20
    # A job's files and failed tests, each with its name; all at their longest would be more than the document allows.
    assert limits.pop("end_claim") == 2 << 20
    assert max(size for name, size in limits.items() if not name.startswith("platform_update")) <= 36 << 10
    assert max(limits.values()) < 64 << 10


@pytest.mark.parametrize("schema", [
    {}, {"type": "string"}, {"type": "array", "items": {"type": "boolean"}}, {"type": "array", "maxItems": 2, "items": {"type": "string"}},
    {"type": "object", "properties": {}}, {"type": "object", "additionalProperties": {"type": "boolean"}},
    {"oneOf": [{"type": "boolean"}, {"type": "string"}]}])
def test_a_schema_without_an_end_has_no_largest_body(schema: Mapping[str, Any]) -> None:
    with pytest.raises(Unbounded):
        largest_body(schema)


@either_engine
@pytest.mark.parametrize("value", [
    ["a"] * 100_000, ["a@b.c" * 100_000] * 100, [["a"]] * 100_000, list(range(100_000)), [{"a": number} for number in range(50_000)]],
    ids=["enum", "texts", "lists", "numbers", "objects"])
def test_nothing_inside_a_list_that_is_too_long_is_looked_at(engine: Any, value: Any) -> None:
    validator = engine(CLOSED)
    walk = Walk()

    assert not validator.is_valid({"texts": value})
    assert [violation.path for violation in walk.violations(CLOSED, {"texts": value})] == [("texts",)]
    assert walk.steps == 2


def test_the_items_of_a_list_that_is_short_enough_are_judged_whatever_else_is_wrong_with_it() -> None:
    found = [violation.path for violation in Walk().violations(LIST, ["A", "A"])]

    assert found == [(), (0,), (1,)]


@either_engine
@pytest.mark.parametrize("text", ["a" * 100_000, "a@" * 50_000, "T" * 100_000, ASTRAL * 100_000])
def test_a_text_that_is_too_long_is_judged_by_its_length_alone(engine: Any, text: str) -> None:
    faults = Faults()

    faults.collect(engine(TEXT).violations(text), "name")

    assert faults.fields == {"name": "Must have at most 5 characters."}


def test_a_walk_ends_after_so_many_steps_whatever_it_walks_through() -> None:
    schema = {"type": "array", "items": {"type": "array", "items": {"anyOf": [TEXT, {"type": "integer"}]}}}
    walk = Walk()

    found = sum(1 for _ in walk.violations(schema, [[None] * 1000] * 1000))

    assert walk.steps == MAX_STEPS
    assert 0 < found < MAX_STEPS


def test_a_hundred_places_are_named_and_the_others_counted_without_being_listed() -> None:
    walk = Walk()

    found = list(walk.violations(CLOSED, {f"key-{number}": [] for number in range(100_000)}))

    assert (len(found), found[-1].path, found[-1].places) == (MAX_NAMED + 1, None, 100_000 - MAX_NAMED)
    assert walk.steps == 1


def test_violations_are_counted_up_to_a_bound() -> None:
    faults = Faults()

    faults.collect(Walk().violations({"type": "array", "items": {"type": "string"}}, [0] * 5000), "list")

    assert (len(faults.fields), faults.omitted) == (MAX_NAMED, MAX_COUNTED - MAX_NAMED)


def test_an_answer_names_a_hundred_fields_and_counts_the_rest_parameters_and_body_together(either_app: Application) -> None:
    body = {f"k{number}": 0 for number in range(150)}

    answer = ask(either_app, CANCEL + "?" + "&".join(f"q{number}=1" for number in range(60)), method="POST", token=ADMIN, content=body)

    assert answer.status == 400
    assert (len(answer.details["fields"]), answer.details["fields_omitted"]) == (MAX_NAMED, 110)


def test_where_every_field_is_named_none_is_said_to_be_omitted(app: Application) -> None:
    answer = ask(app, CANCEL, method="POST", token=ADMIN, content={"colour": 0})

    assert "fields_omitted" not in answer.details


@pytest.mark.parametrize("body", [
    {"name": "n" * 4000}, {"n" * 4000: 1}, {"name": ["n" * 4000]}, {"sha": "a" * 4000}, {"email": "a@" * 1900},
    {"parts": [{"part_id": "9" * 3900}]}], ids=["text", "key", "list", "pattern", "format", "number"])
def test_a_refusal_does_not_repeat_what_is_long(either_app: Application, body: dict[str, Any]) -> None:
    answer = ask(either_app, THINGS, method="POST", token=ADMIN, content=body)

    assert answer.status == 400
    assert len(answer.body) < 1000


@pytest.mark.parametrize("query", [
    "since=" + "2026-01-01T" * 5000, "since=" + "T" * 50_000, "since=" + " 00:00" * 9000, "branch=" + "b" * 60_000, "sha=" + "a" * 60_000,
    "limit=" + "1" * 60_000, "ratio=0." + "1" * 60_000, "active=" + "t" * 60_000, "u" * 60_000 + "=1", "&".join(["ids=1"] * 200)])
def test_a_long_parameter_is_refused_in_a_few_words(either_app: Application, query: str) -> None:
    answer = ask(either_app, f"{THINGS}?{query.replace(' ', '+')}", token=ADMIN)

    assert answer.status == 400
    assert len(answer.details["fields"]) == 1
    assert len(answer.body) < 1000


@pytest.mark.parametrize("kind", [
    "application/json;" + ";" * 300, "application/json; a=" + '"' * 300, "multipart/form-data; boundary=" + "b" * 300,
    "application/x-www-form-urlencoded;" + ";" * 300])
@pytest.mark.parametrize("target", [THINGS, "/report/7/" + RUN_TOKEN])
def test_a_long_media_type_is_not_taken_apart(app: Application, target: str, kind: str) -> None:
    answer = ask(app, target, method="POST", token=ADMIN, headers=[("Content-Type", kind)], body=b"{}")

    assert answer.status == 415


@pytest.mark.parametrize("raw", [
    b"[" + b"[]," * 30_000 + b"[]]", b"[" + b"{}," * 30_000 + b"0]", b"[" + b"0," * 30_000 + b"0]",
    b"{" + b",".join(b'"%d":0' % number for number in range(30_000)) + b"}", b"[" * 30_000, b'["\\\\",' + b"0," * 30_000 + b'"\\""]'],
    ids=["lists", "objects", "numbers", "members", "open", "quotes"])
def test_json_of_very_many_values_is_refused_before_it_is_read(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orjson, "loads", None)

    with pytest.raises(Invalid) as refused:
        strict_json.read(raw)

    assert refused.value.details["fields"] == {"body": f"Must not hold more than {strict_json.MAX_VALUES} values."}


@pytest.mark.parametrize("text", [",:[{" * 30_000, '\\",' * 30_000, '",\\\\' * 30_000])
def test_marks_within_a_text_are_not_values(text: str) -> None:
    assert strict_json.read(json.dumps([text]).encode()) == [text]


def test_long_keys_around_many_repeated_ones_are_not_copied_for_each() -> None:
    outer = "k" * 100_000
    raw = b'{"%s": {%s}}' % (outer.encode(), b",".join(b'"%d":0,"%d":0' % (number, number) for number in range(3000)))

    with pytest.raises(Invalid) as refused:
        strict_json.read(raw)

    assert refused.value.details == {"fields": {"k" * 200: "Must be given once."}}
