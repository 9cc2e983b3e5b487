"""The validating client: it lets a good answer pass and refuses every kind of wrong one."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from contract.client import ValidatingClient

REQUEST_ID = "01JD6Z5Q8W3V7K2N4M9T0XYRBC"
STAMPS = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "119", "X-RateLimit-Reset": "1795255200", "X-Request-Id": REQUEST_ID}
RUN = {
    "run_id": 7, "status": "queued", "repository": "CCExtractor/ccextractor", "commit_sha": "a" * 40, "platform": "linux",
    "created_at": "2026-11-21T10:00:00Z"}
NOT_FOUND = {"code": "not_found", "message": "Run 7 not found.", "details": {"resource": "run", "id": 7, "request_id": REQUEST_ID}}


class Canned:
    """An application that gives every request the same answer, and keeps what it was asked."""

    def __init__(self, status: int, body: Any = b"", kind: str | None = "application/json", **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = {**STAMPS, **({"Content-Type": kind} if kind else {})}
        self.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.asked: list[Mapping[str, str]] = []

    def without(self, header: str) -> Canned:
        """The same without one of its headers."""
        del self.headers[header]
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        self.asked.append({name.decode(): value.decode() for name, value in scope["headers"]})
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def run_answer(**changes: Any) -> Canned:
    return Canned(200, {**RUN, **changes}, ETag='"7-1"')


def test_an_answer_as_promised_comes_through() -> None:
    response = ValidatingClient(run_answer()).get("/api/v1/runs/7")

    assert response.json()["run_id"] == 7


def test_a_refusal_as_promised_comes_through() -> None:
    assert ValidatingClient(Canned(404, NOT_FOUND)).get("/api/v1/runs/7").status_code == 404


@pytest.mark.parametrize(("changes", "words"), [
    ({"run_id": 0}, "run_id"),
    ({"run_id": "7"}, "run_id"),
    ({"status": "finished"}, "status"),
    ({"commit_sha": "a" * 40 + "\n"}, "commit_sha"),
    ({"created_at": "2026-11-21 10:00"}, "created_at"),
    ({"created_at": "2026-11-21T10:00:00"}, "created_at"),
    ({"created_at": "2026-13-21T10:00:00Z"}, "created_at"),
    ({"created_at": None}, "created_at"),
    ({"run_errors": True}, "run_errors"),
    ({"links": {"self": "/api/v1/runs/7"}}, "links.self"),
    ({"branch": "b" * 101}, "branch"),
    ({"worker_token": "secret"}, "worker_token"),
])
def test_a_body_that_breaks_its_schema_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=rf"get_run answered 200.*{words}"):
        ValidatingClient(run_answer(**changes)).get("/api/v1/runs/7")


def test_null_is_taken_where_the_document_allows_it() -> None:
    assert ValidatingClient(run_answer(branch=None, started_at=None)).get("/api/v1/runs/7").status_code == 200


def test_a_body_that_lacks_a_property_is_refused() -> None:
    with pytest.raises(AssertionError, match="pagination"):
        ValidatingClient(Canned(200, {"data": []})).get("/api/v1/runs")


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(AssertionError, match="no JSON"):
        ValidatingClient(Canned(200, b"<html>", ETag='"7-1"')).get("/api/v1/runs/7")


def test_an_undeclared_status_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"418.*not declared"):
        ValidatingClient(Canned(418, NOT_FOUND)).get("/api/v1/runs/7")


def test_an_operation_without_a_handler_may_say_so() -> None:
    body = {"code": "not_implemented", "message": "Not yet.", "details": {"request_id": REQUEST_ID}}

    assert ValidatingClient(Canned(501, body)).get("/api/v1/runs/7").status_code == 501


def test_an_undeclared_media_type_is_refused() -> None:
    with pytest.raises(AssertionError, match="problem"):
        ValidatingClient(Canned(404, NOT_FOUND, "application/problem+json")).get("/api/v1/runs/7")


@pytest.mark.parametrize("header", [*STAMPS, "ETag"])
def test_a_required_header_that_is_missing_is_refused(header: str) -> None:
    with pytest.raises(AssertionError, match=header):
        ValidatingClient(run_answer().without(header)).get("/api/v1/runs/7")


def test_a_header_that_breaks_its_schema_is_refused() -> None:
    with pytest.raises(AssertionError, match="X-RateLimit-Reset"):
        ValidatingClient(Canned(404, NOT_FOUND, X_RateLimit_Reset="soon")).get("/api/v1/runs/7")


def test_a_body_where_none_is_declared_is_refused() -> None:
    with pytest.raises(AssertionError, match="none is declared"):
        ValidatingClient(Canned(204, b"{}")).delete("/api/v1/auth/tokens/current")


def test_a_literal_path_wins_over_a_template() -> None:
    with pytest.raises(AssertionError, match="revoke_current_token"):
        ValidatingClient(Canned(404, NOT_FOUND)).delete("/api/v1/auth/tokens/current")


def test_an_unknown_path_answers_with_the_standard_body() -> None:
    assert ValidatingClient(Canned(404, {**NOT_FOUND, "message": "No such resource."})).get("/api/v1/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/runs/", "/api/v1/runs/abc", "//runs", "/"])
def test_what_is_no_operation_may_not_answer_as_if_it_were_one(path: str) -> None:
    with pytest.raises(AssertionError, match="no operation is here"):
        ValidatingClient(Canned(200, {})).get(path)


def test_a_wrong_method_is_answered_with_all_methods_that_there_are() -> None:
    body = {"code": "method_not_allowed", "message": "Not this method.", "details": {"request_id": REQUEST_ID}}

    complete = ValidatingClient(Canned(405, body, Allow="GET, HEAD, POST")).delete("/api/v1/runs")

    assert complete.status_code == 405
    with pytest.raises(AssertionError, match=r"Allow lacks .'POST'."):
        ValidatingClient(Canned(405, body, Allow="GET, HEAD")).delete("/api/v1/runs")


def test_a_code_has_to_go_with_its_status() -> None:
    with pytest.raises(AssertionError, match="does not go with the status"):
        ValidatingClient(Canned(404, {**NOT_FOUND, "code": "gone"})).get("/api/v1/runs/7")


def test_the_request_id_is_the_same_in_body_and_header() -> None:
    with pytest.raises(AssertionError, match="request_id"):
        ValidatingClient(Canned(404, {**NOT_FOUND, "details": {"request_id": "another"}})).get("/api/v1/runs/7")


def test_a_validation_error_names_its_fields() -> None:
    body = {"code": "validation_error", "message": "No.", "details": {"request_id": REQUEST_ID}}

    with pytest.raises(AssertionError, match="names no field"):
        ValidatingClient(Canned(400, body)).get("/api/v1/runs")


def test_the_pages_about_the_documents_may_answer_as_they_like() -> None:
    assert ValidatingClient(Canned(200, b"# CI API", "text/plain")).get("/llms.txt").status_code == 200
    assert ValidatingClient(Canned(200, b"<html>", "text/html")).get("/api/v1/ui/index.html").status_code == 200


def test_a_page_refuses_other_methods_like_an_operation() -> None:
    body = {"code": "method_not_allowed", "message": "Not this method.", "details": {"request_id": REQUEST_ID}}

    assert ValidatingClient(Canned(405, body, Allow="GET, HEAD")).post("/llms.txt").status_code == 405
    with pytest.raises(AssertionError, match="Allow lacks"):
        ValidatingClient(Canned(405, body)).post("/llms.txt")


@pytest.mark.parametrize("path", ["/api/v1/uix", "/llms.txt2"])
def test_what_only_begins_like_a_page_is_none(path: str) -> None:
    with pytest.raises(AssertionError, match="no operation is here"):
        ValidatingClient(Canned(200, b"", "text/html")).get(path)


def test_a_worker_gets_one_of_three_words() -> None:
    path = "/progress-reporter/7/token"

    assert ValidatingClient(Canned(200, b"OK", "text/plain; charset=utf-8")).post(path).text == "OK"
    with pytest.raises(AssertionError, match="is not one of"):
        ValidatingClient(Canned(200, b"Fine", "text/plain")).post(path)


def test_a_head_request_is_held_against_the_headers_of_the_get() -> None:
    assert ValidatingClient(run_answer()).head("/api/v1/runs/7").status_code == 200
    with pytest.raises(AssertionError, match="ETag"):
        ValidatingClient(run_answer().without("ETag")).head("/api/v1/runs/7")


def test_a_token_goes_into_the_header_and_can_be_changed_or_dropped() -> None:
    app = run_answer()
    client = ValidatingClient(app, token="first")

    client.get("/api/v1/runs/7")
    client.as_("second").get("/api/v1/runs/7")
    client.as_(None).get("/api/v1/runs/7")

    assert [headers.get("authorization") for headers in app.asked] == ["Bearer first", "Bearer second", None]


def test_further_headers_go_with_every_request() -> None:
    app = run_answer()

    ValidatingClient(app, token="t").with_headers(If_None_Match='"7-0"').get("/api/v1/runs/7")

    assert app.asked[0]["if-none-match"] == '"7-0"'
    assert app.asked[0]["authorization"] == "Bearer t"
