"""What stock Connexion gets wrong about requests, and what this server does instead."""
from __future__ import annotations

import pytest

from api.app import Application
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN, Make

THINGS = "/api/v1/things"
JSON = ("Content-Type", "application/json")


def test_every_offending_field_is_named_parameters_and_body_together(either_app: Application) -> None:
    target = "/api/v1/things/5/cancel?first=1&second=2"

    answer = ask(either_app, target, method="POST", token=ADMIN, content={"reason": 5, "because": "x"})

    assert answer.status == 400
    assert answer.json["code"] == "validation_error"
    assert answer.details["fields"] == {
        "first": "Unknown query parameter.", "second": "Unknown query parameter.",
        "reason": "Must be a string.", "because": "Unknown property."}


def test_fields_inside_the_body_are_named_by_their_path(either_app: Application) -> None:
    body = {"parts": [{"part_id": 1}, {"part_id": 99, "colour": "red"}, {}], "sha": "nope"}

    answer = ask(either_app, THINGS, method="POST", token=ADMIN, content=body)

    assert answer.details["fields"] == {
        "name": "Missing required property.", "sha": "Must match the pattern ^[a-f0-9]{4}$", "parts.1.part_id": "Must be at most 9.",
        "parts.1.colour": "Unknown property.", "parts.2.part_id": "Missing required property."}


def test_nothing_that_was_sent_is_repeated_in_message_or_remedy(app: Application) -> None:
    answer = ask(app, f"{THINGS}?ignore-all-instructions=1", token=ADMIN)

    assert "ignore-all-instructions" not in answer.json["message"] + answer.details["remedy"]


@pytest.mark.parametrize("kind", [
    "application/json", "APPLICATION/JSON", "application/json ; charset=utf-8", 'application/json; charset="UTF-8"', None])
def test_json_is_json_however_its_type_is_written(app: Application, kind: str | None) -> None:
    headers = [("Content-Type", kind)] if kind else []

    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=headers, body=b'{"name": "n"}')

    assert (answer.status, answer.echo) == (201, {"name": "n"})


def test_json_without_a_type_is_validated_too(app: Application) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, body=b'{"name": 5}')

    assert answer.details["fields"] == {"name": "Must be a string."}


@pytest.mark.parametrize("kind", [
    "text/plain", "application/json; charset=latin-1", "application/json; charset=bogus", "application/xml", "application/jsonp",
    "multipart/form-data; boundary=x", "application/vnd.api+json"])
def test_a_body_of_another_type_is_415(app: Application, kind: str) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[("Content-Type", kind)], body=b'{"name": "n"}')

    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert answer.details["supported"] == ["application/json"]


@pytest.mark.parametrize("body", [
    b'{"name": "\xff"}', b"[" * 2000 + b"]" * 2000, b'{"size": ' + b"9" * 4000 + b"}", b'{"name": "\\ud800"}', b'{"size": NaN}',
    b'{"size": Infinity}', b'\xef\xbb\xbf{"name": "n"}', b"{", b'{"name": "n"} x', b"'name'", b'{"name": "\n"}', b"\x00",
    b'{"size": 1e999}',
], ids=["utf-8", "depth", "digits", "surrogate", "nan", "infinity", "bom", "cut off", "trailing", "quotes", "newline", "nul", "exponent"])
def test_bytes_that_are_not_json_are_400(app: Application, body: bytes) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=body)

    assert (answer.status, answer.json["code"]) == (400, "validation_error")
    assert "body" in answer.details["fields"]


@pytest.mark.parametrize(("depth", "field"), [(60, "name"), (70, "body"), (900, "body")])
def test_depth_that_the_parser_still_takes_is_bounded(either_app: Application, depth: int, field: str) -> None:
    answer = ask(either_app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=b'{"name": ' + b"[" * depth + b"]" * depth + b"}")

    assert list(answer.details["fields"]) == [field]


def test_many_brackets_are_not_deep(app: Application) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=b'{"name": [' + b"[]," * 900 + b"[]]}")

    assert answer.details["fields"] == {"name": "Must be a string."}


@pytest.mark.parametrize("body", [
    b'{"name": "n", "size": 1.0}', b'{"name": "n", "size": true}', b'{"name": "n", "size": 99999999999999999999999999999}',
    b'{"name": "n", "size": 9223372036854775808}', b'{"name": "n", "size": -1}', b'{"name": "n", "size": "1"}',
    b'{"name": "n", "sha": "abcd\\n"}', b'{"name": "n", "email": "nobody"}', b'{"name": null}', b'{"name": "eleven char"}', b'{"name": ""}',
    b"[]", b"null", b'"text"', b"5"])
def test_values_that_the_document_does_not_allow_are_400(either_app: Application, body: bytes) -> None:
    answer = ask(either_app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=body)

    assert (answer.status, answer.json["code"]) == (400, "validation_error")


@pytest.mark.parametrize(("body", "name"), [
    ('{"name": "\\u0000"}', "\0"), ('{"name": "\U0001f9ff"}', "\U0001f9ff"), ('{"name": "\\ud83e\\uddff"}', "\U0001f9ff"),
    ('{"name": "\U0001f9ff\U0001f9ff\U0001f9ff\U0001f9ff\U0001f9ff\U0001f9ff"}', "\U0001f9ff" * 6)])
def test_unusual_text_arrives_as_it_was_sent(either_app: Application, body: str, name: str) -> None:
    answer = ask(either_app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=body.encode())

    assert answer.echo["name"] == name


def test_properties_may_have_the_names_of_schema_keywords(either_app: Application) -> None:
    answer = ask(either_app, THINGS, method="POST", token=ADMIN, content={"name": "n", "nullable": "x", "sha": None})

    assert answer.echo == {"name": "n", "nullable": "x", "sha": None}


@pytest.mark.parametrize(("body", "fields"), [
    ('{"name": "first", "name": "last"}', {"name"}), ('{"name": "n", "na\\u006de": "n"}', {"name"}),
    ('{"name": "n", "parts": [{"part_id": 1}, {"part_id": 2, "part_id": 2, "part_id": 3}]}', {"parts.1.part_id"}),
    ('{"colour": {"red": 1, "red": 2}, "name": "a", "name": "b"}', {"name", "colour.red"})])
def test_a_key_given_twice_is_400_wherever_it_stands(either_app: Application, body: str, fields: set[str]) -> None:
    answer = ask(either_app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=body.encode())

    assert (answer.status, answer.json["code"]) == (400, "validation_error")
    assert answer.details["fields"] == dict.fromkeys(fields, "Must be given once.")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "x-" + "o" * 100])
@pytest.mark.parametrize(("target", "kind"), [
    (THINGS, "application/json"), ("/api/v1/files", "application/octet-stream"),
    (f"/report/7/{RUN_TOKEN}", "multipart/form-data; boundary=b")])
def test_a_coded_body_is_415_that_names_the_coding(app: Application, target: str, kind: str, coding: str) -> None:
    headers = [("Content-Type", kind), ("Content-Encoding", "identity"), ("Content-Encoding", coding)]

    answer = ask(app, target, method="POST", token=ADMIN, headers=headers, body=b"\x1f\x8b" + b"x" * 9000)

    assert (answer.status, answer.header("accept-encoding")) == (415, "identity")
    assert target.startswith("/report/") or answer.details["content_coding"] == coding.lower()[:50]


def test_a_body_whose_coding_is_none_is_taken(app: Application) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[JSON, ("Content-Encoding", "identity")], body=b'{"name": "n"}')

    assert answer.status == 201


@pytest.mark.parametrize("chunks", [[b'{"name"', b': "n"}'], [b"", b'{"name": "n"}'], [b'{"name": "n"}', b""]])
def test_a_required_body_may_come_in_chunks(app: Application, chunks: list[bytes]) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[JSON, ("Transfer-Encoding", "chunked")], body=chunks)

    assert answer.echo == {"name": "n"}


def test_an_optional_body_that_comes_in_chunks_reaches_the_handler(app: Application) -> None:
    answer = ask(app, "/api/v1/things/5/cancel", method="POST", token=ADMIN, headers=[JSON], body=[b'{"reason": ', b'"x"}'])

    assert answer.echo == {"thing_id": 5, "body": {"reason": "x"}}


@pytest.mark.parametrize("headers", [[], [JSON], [("Content-Type", "text/plain")]])
@pytest.mark.parametrize("body", [None, b"", [b"", b""]])
def test_an_absent_optional_body_counts_as_an_empty_object(app: Application, headers: list[tuple[str, str]], body: bytes | None) -> None:
    answer = ask(app, "/api/v1/things/5/cancel", method="POST", token=ADMIN, headers=headers, body=body)

    assert answer.echo == {"thing_id": 5, "body": {}}


def test_an_absent_required_body_is_400(app: Application) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[JSON])

    assert answer.details["fields"] == {"body": "Request body is required."}


@pytest.mark.parametrize("query", [
    "limit=%205", "limit=1_0", "limit=%2B5", "limit=%D9%A5", "limit=05", "limit=5.0", "limit=5e0", "limit=", "limit=abc",
    "limit=abc&limit=2", "limit=2&limit=2", "limit=0", "limit=101", "limit=999999999999999999999999999999", "offset=-1",
    "limit=" + "9" * 5000, "limit%5B%5D=1", "unknown=1", "active=True", "active=1", "active=", "ratio=.5", "ratio=1.5", "ratio=nan",
    "ratio=Infinity", "branch=%ff", "branch=%ed%a0%80", "sha=abcd%0A", "sha=ABCD", "since=yesterday", "since=2026-01-01",
    "since=2026-01-01T00:00:00", "since=2026-02-30T00:00:00Z", "since=2026-01-01T24:00:00Z", "since=2026-01-01T00:00:60Z",
    "ids=1&ids=x", "ids=1&ids=2&ids=3&ids=4", "ids=10", "limit=5&" * 300])
def test_queries_that_the_document_does_not_allow_are_400(either_app: Application, query: str) -> None:
    answer = ask(either_app, f"{THINGS}?{query}", token=ADMIN)

    assert (answer.status, answer.json["code"]) == (400, "validation_error")
    assert answer.details["fields"]


def test_a_parameter_given_twice_is_told_so(app: Application) -> None:
    answer = ask(app, f"{THINGS}?limit=1&limit=2", token=ADMIN)

    assert answer.details["fields"] == {"limit": "Must be given once."}


def test_parameters_reach_the_handler_with_their_types_and_defaults(either_app: Application) -> None:
    query = "limit=5&active=true&ratio=0.5&branch=a%00%F0%9F%A7%BF&ids=1&ids=2&sha=abcd"

    answer = ask(either_app, f"{THINGS}?{query}", token=ADMIN, headers=[("X-Kind", "big")])

    assert answer.echo == {
        "limit": 5, "offset": 0, "active": True, "ratio": 0.5, "branch": "a\0\U0001f9ff", "ids": [1, 2], "sha": "abcd", "since": None,
        "x_kind": "big"}


@pytest.mark.parametrize(("given", "read"), [
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
    ("2026-01-02t03:04:05.123456789z", "2026-01-02T03:04:05.123456+00:00"),
    ("2026-01-02T03:04:05%2B02:00", "2026-01-02T01:04:05+00:00"),
    ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05+00:00"),
    ("2026-01-02T03:04:05-02:30", "2026-01-02T05:34:05+00:00"),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
    ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
    ("0001-01-01T00:00:00%2B01:00", "0001-01-01T00:00:00+00:00"),
    ("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999999+00:00"),
    ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999+00:00")])
def test_instants_arrive_in_utc_and_readable_a_lost_plus_included(either_app: Application, given: str, read: str) -> None:
    answer = ask(either_app, f"{THINGS}?since={given}", token=ADMIN)

    assert answer.echo["since"] == read


@pytest.mark.parametrize("headers", [[("X-Kind", "BIG")], [("X-Kind", "big"), ("X-Kind", "big")], [("X-Kind", "verylongkind")]])
def test_headers_are_validated_like_other_parameters(app: Application, headers: list[tuple[str, str]]) -> None:
    answer = ask(app, THINGS, token=ADMIN, headers=headers)

    assert list(answer.details["fields"]) == ["X-Kind"]


@pytest.mark.parametrize("segment", [
    "+1", "01", "%201", "1_0", "%D9%A1", "abc", "1.0", "1e3", "9" * 5000, "-" + "9" * 19, "0x1", "", "1/", "/1", "1//summary",
    "1%2Fsummary",
    "1/summary/", "%00", "1%00", "..%2f..", "%F0%9F%A7%BF"])
def test_paths_that_are_no_number_are_404_in_json_without_a_redirect(app: Application, segment: str) -> None:
    answer = ask(app, f"{THINGS}/{segment}", token=ADMIN)

    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert answer.header("location") is None


@pytest.mark.parametrize("segment", ["0", "-1", "2147483648", "999999999999999999"])
def test_numbers_outside_of_the_range_are_400(app: Application, segment: str) -> None:
    answer = ask(app, f"{THINGS}/{segment}", token=ADMIN)

    assert list(answer.details["fields"]) == ["thing_id"]


@pytest.mark.parametrize("target", [
    "/", "//", "/nope", "/api/v1", "/api/v1/", "//api/v1/things", "/api/v1//things", "/api/v1/ui/", "/openapi.yaml"])
def test_unknown_paths_are_404_in_json(app: Application, target: str) -> None:
    answer = ask(app, target)

    assert (answer.status, answer.json["code"], answer.details["resource"]) == (404, "not_found", "path")


def test_a_head_request_is_answered_like_get_without_the_bytes(app: Application) -> None:
    full = ask(app, "/api/v1/things/5", token=ADMIN)

    head = ask(app, "/api/v1/things/5", method="HEAD", token=ADMIN)

    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == str(len(full.body))
    assert head.header("etag") == full.header("etag")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
def test_a_wrong_method_is_405_with_all_methods_of_the_path(app: Application, method: str) -> None:
    answer = ask(app, THINGS, method=method, token=ADMIN)

    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.header("allow") == "GET, HEAD, POST"
    assert answer.details["allowed"] == ["GET", "HEAD", "POST"]


def test_allow_spans_documents_that_share_a_path(app: Application) -> None:
    answer = ask(app, "/mode/linux", method="POST")

    assert answer.header("allow") == "GET, HEAD, PUT"


def test_a_fixed_path_goes_before_a_parameter(app: Application) -> None:
    deleted = ask(app, "/api/v1/things/current", method="DELETE", token=ADMIN)
    read = ask(app, "/api/v1/things/current", token=ADMIN)

    assert deleted.status == 204
    assert (read.status, read.header("allow")) == (405, "DELETE")


@pytest.mark.parametrize("body", [b'{"name": "' + b"n" * 20_000 + b'"}', [b'{"name": "' + b"n" * 15_000, b"n" * 15_000 + b'"}']])
def test_a_body_over_the_limit_is_413_announced_or_not(app: Application, body: bytes | list[bytes]) -> None:
    answer = ask(app, THINGS, method="POST", token=ADMIN, headers=[JSON], body=body)

    assert (answer.status, answer.json["code"], answer.details["limit"]) == (413, "payload_too_large", 4096)
    assert answer.header("connection") == "close"


def test_the_body_of_a_request_that_takes_none_is_ignored(app: Application) -> None:
    answer = ask(app, "/api/v1/things/5", token=ADMIN, headers=[JSON], body=b"x" * 100_000)

    assert answer.status == 200


@pytest.mark.parametrize("how", ["body", "status", "kind", "header"])
def test_an_answer_that_breaks_the_contract_is_a_500_that_says_nothing(
        app: Application, how: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(app, f"/api/v1/breach?how={how}")

    assert (answer.status, answer.json["code"], answer.json["message"]) == (500, "internal_error", "Internal server error.")
    assert set(answer.details) == {"remedy", "request_id"}
    assert "breach breaks the contract" in caplog.text


def test_a_very_large_answer_is_not_held_up_to_be_judged(app: Application) -> None:
    answer = ask(app, "/api/v1/breach?how=large")

    assert answer.status == 200


def test_answers_are_not_judged_when_validation_is_off(make: Make) -> None:
    app = make(validation_engine="off")

    answer = ask(app, "/api/v1/breach?how=status")
    request = ask(app, "/api/v1/breach?how=nonsense")

    assert answer.status == 418
    assert request.status == 400


@pytest.mark.parametrize("headers", [
    [("Host", "..")], [("Host", "x" * 5000)], [("Host", "[::1")], [("Host", "a@b")], [("Host", "")],
    [("Host", "x"), ("Connection", "Upgrade"), ("Upgrade", "websocket")], [("Host", "x"), ("X-HTTP-Method-Override", "DELETE")],
])
def test_no_header_changes_which_operation_answers(app: Application, headers: list[tuple[str, str]]) -> None:
    answer = ask(app, THINGS, token=ADMIN, headers=headers)

    assert answer.status == 200
