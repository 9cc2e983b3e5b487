"""How the server says no: the body, the order, the headers, and that nothing leaks when something breaks."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from api.app import Application
from api.domain.auth.access import Role, Scope
from api.domain.errors import Conflict, Forbidden, Invalid, InvalidCredentials, NotFound, Refusal, Unauthorized, Unavailable, Unprocessable
from api.specfirst.responses.error_responses import HttpProblem, problem, status_of
from tests.specfirst.asking import Answer, ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN, Make, token_for
from tests.specfirst.operations import SECRET

THINGS = "/api/v1/things"
READER = token_for(Role.ADMIN, Scope.RUNS_READ)


class MissingOutput(NotFound):
    """A refusal of somebody else's."""

    code = "missing_output"


@pytest.mark.parametrize(("refusal", "status", "code"), [
    (Invalid({"name": "Is wrong."}), 400, "validation_error"), (Unauthorized(), 401, "unauthorized"),
    (InvalidCredentials(), 401, "invalid_credentials"), (Forbidden("No."), 403, "forbidden"),
    (NotFound("run", 5), 404, "not_found"), (MissingOutput("output", 5), 404, "missing_output"),
    (Conflict("No."), 409, "conflict"), (Unprocessable("No."), 422, "unprocessable"), (Unavailable("No."), 503, "unavailable"),
    (Refusal("No."), 422, "unprocessable")])
def test_each_refusal_has_its_status_and_code(refusal: Refusal, status: int, code: str) -> None:
    rendered = problem(refusal, request_id="r")

    assert (rendered.status, status_of(refusal)) == (status, status)
    assert f'"code":"{code}"'.encode() in rendered.body


def test_a_message_is_cut_to_what_the_contract_allows() -> None:
    rendered = problem(Conflict("x" * 600), request_id="r")

    assert len(rendered.message) == 500


def test_a_remedy_and_the_request_id_stand_in_the_details(app: Application) -> None:
    answer = ask(app, f"{THINGS}/2000", token=ADMIN)

    assert answer.json == {
        "code": "not_found", "message": "Thing 2000 not found.",
        "details": {
            "resource": "thing", "id": 2000, "remedy": "Check the id; list the parent collection to see what exists.",
            "request_id": answer.header("x-request-id")}}


def _post(app: Application, target: str, **request: Any) -> Answer:
    return ask(app, target, method="POST", **request)


def test_answers_come_in_the_decided_order(make: Make) -> None:
    limited = make(rate_writes=1, rate_anonymous=1)
    _post(limited, THINGS, token=READER, content={})
    app = make()
    wrong_body = {"name": 5}

    in_order = [
        _post(limited, "/nowhere", token=READER, content=wrong_body),
        _post(app, "/nowhere", content=wrong_body),
        ask(app, THINGS, method="PUT", content=wrong_body),
        _post(app, THINGS, content=wrong_body),
        _post(app, THINGS, token=READER, content=wrong_body),
        _post(app, THINGS, token=token_for(Role.USER, *Scope), body=b"x" * 50_000),
        _post(app, THINGS, token=ADMIN, body=b"x" * 50_000),
        _post(app, THINGS, token=ADMIN, headers=[("Content-Type", "text/plain")], body=b"x"),
        _post(app, THINGS, token=ADMIN, content=wrong_body),
        _post(app, THINGS, token=ADMIN, content={"name": "taken"})]

    assert [answer.status for answer in in_order] == [429, 404, 405, 401, 403, 403, 413, 415, 400, 409]
    for answer in in_order:
        assert set(answer.json) == {"code", "message", "details"}
        assert answer.header("x-ratelimit-limit")
        assert answer.details["remedy"] if answer.status != 409 else True


def test_a_missing_token_is_challenged_without_an_error(app: Application) -> None:
    answer = ask(app, THINGS)

    assert (answer.status, answer.header("www-authenticate")) == (401, 'Bearer realm="CI API"')


@pytest.mark.parametrize("value", [
    "Bearer nonsense", "Bearer", "Bearer ", "Basic dTpw", "Bearer a b", "bearer\t" + ADMIN, "Token " + ADMIN,
    "Bearer " + "x" * 5000, "Bearer t\u00f6ken", ADMIN])
def test_a_token_that_is_none_is_an_invalid_one(app: Application, value: str) -> None:
    answer = ask(app, THINGS, headers=[("Authorization", value)])

    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert answer.header("www-authenticate") == 'Bearer realm="CI API", error="invalid_token"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_matched_without_regard_to_case(app: Application, scheme: str) -> None:
    answer = ask(app, THINGS, headers=[("Authorization", f"{scheme} {ADMIN}")])

    assert answer.status == 200


@pytest.mark.parametrize("second", [ADMIN, "nonsense"])
def test_two_authorization_headers_are_one_too_many(app: Application, second: str) -> None:
    headers = [("Authorization", f"Bearer {ADMIN}"), ("Authorization", f"Bearer {second}")]

    answer = ask(app, THINGS, headers=headers)

    assert answer.status == 401


def test_a_lacking_scope_is_named_in_details_and_challenge(app: Application) -> None:
    answer = _post(app, THINGS, token=READER, content={"name": "n"})

    assert answer.status == 403
    assert answer.header("www-authenticate") == 'Bearer realm="CI API", error="insufficient_scope", scope="runs:write"'
    assert (answer.details["required_scope"], answer.details["token_scopes"]) == ("runs:write", ["runs:read"])


def test_a_lacking_role_is_named_in_the_details(app: Application) -> None:
    answer = _post(app, THINGS, token=token_for(Role.USER, *Scope), content={"name": "n"})

    assert (answer.status, answer.header("www-authenticate")) == (403, None)
    assert (answer.details["required_roles"], answer.details["role"]) == (["admin", "tester"], "user")


def test_where_the_document_names_an_exception_the_handler_decides(app: Application) -> None:
    answer = _post(app, f"{THINGS}/5/cancel", token=token_for(Role.USER, Scope.RUNS_WRITE))

    assert answer.status == 202


@pytest.mark.parametrize("target", ["/api/v1/crash", "/api/v1/waits/13"])
def test_a_crash_is_the_standard_body_and_tells_nothing(app: Application, target: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(app, target, token=ADMIN)

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert SECRET.encode() not in answer.body
    assert b"Traceback" not in answer.body
    assert answer.header("x-ratelimit-limit")
    assert answer.header("x-content-type-options") == "nosniff"
    assert SECRET in caplog.text
    assert answer.details["request_id"] in caplog.text


def test_a_look_up_that_fails_breaks_what_needs_a_token(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(app, THINGS, token="database-is-down")

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert b"hunter2" not in answer.body
    assert answer.header("x-ratelimit-limit")
    assert "no route to" in caplog.text


def test_a_look_up_that_fails_does_not_break_what_needs_none(app: Application) -> None:
    answer = ask(app, "/mode/linux", token="database-is-down")

    assert (answer.status, answer.body) == (200, b"False")


def test_something_unavailable_says_when_to_come_back(app: Application) -> None:
    answer = ask(app, f"{THINGS}/503", token=ADMIN)

    assert (answer.status, answer.header("retry-after"), answer.details["retry_after"]) == (503, "9", 9)


def test_an_operation_without_a_function_is_501(app: Application) -> None:
    answer = ask(app, "/api/v1/absent")

    assert (answer.status, answer.json["code"]) == (501, "not_implemented")
    assert app.unbound_operations == {"nowhere"}


def test_operations_that_speak_text_refuse_in_text(app: Application) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded")]

    crash = _post(app, f"/report/5/{RUN_TOKEN}", headers=form, body=b"type=crash")
    malformed = _post(app, f"/report/0/{RUN_TOKEN}", headers=form, body=b"type=progress")
    json = _post(app, f"/report/5/{RUN_TOKEN}", content={})

    assert [(answer.status, answer.header("content-type")) for answer in (crash, malformed, json)] == [
        (500, "text/plain; charset=utf-8"), (400, "text/plain; charset=utf-8"), (415, "text/plain; charset=utf-8")]
    assert crash.body == b"FAIL: Internal server error."


def test_problems_of_http_itself_carry_their_own_status() -> None:
    assert status_of(HttpProblem(HTTPStatus.IM_A_TEAPOT, "teapot", "No coffee.")) == 418
