"""Headers of every answer: what browsers may do with it, under which id it stands in the log, where the document is."""
from __future__ import annotations

import pytest

from api.app import Application
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, Make

THINGS = "/api/v1/things"
EVERY_KIND = [
    THINGS, f"{THINGS}/2000", "/nope", "/api/v1/crash", "/api/v1/ui", "/openapi.json", "/mode/linux", "/api/v1/text", "/llms.txt"]


@pytest.mark.parametrize("target", EVERY_KIND)
def test_every_answer_forbids_what_browsers_should_not_do(app: Application, target: str) -> None:
    answer = ask(app, target, token=ADMIN)

    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("strict-transport-security") == "max-age=15552000; includeSubDomains"
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")


@pytest.mark.parametrize("target", [THINGS, f"{THINGS}/2000", "/nope", "/api/v1/crash", "/mode/linux"])
def test_answers_of_the_api_are_not_kept_and_not_framed(app: Application, target: str) -> None:
    answer = ask(app, target, token=ADMIN)

    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"


def test_transport_security_is_promised_only_where_there_is_some(make: Make) -> None:
    answer = ask(make(public_url="http://ci.example"), "/llms.txt")

    assert answer.header("strict-transport-security") is None


@pytest.mark.parametrize("target", EVERY_KIND)
def test_every_answer_has_a_request_id_of_our_own(app: Application, target: str) -> None:
    answer = ask(app, target, token=ADMIN, headers=[("X-Request-Id", "theirs")])

    assert (answer.header("x-request-id") or "").startswith("request-")


@pytest.mark.parametrize(("target", "document"), [
    (THINGS, "/api/v1/openapi.json"), ("/api/v1/nope", "/api/v1/openapi.json"), ("/report/1/x", "/openapi-worker.json"),
    ("/mode/linux", "/openapi-worker.json")])
def test_answers_point_to_the_document_that_describes_them(app: Application, target: str, document: str) -> None:
    answer = ask(app, target)

    assert answer.header("link") == f'<{document}>; rel="service-desc"'


def test_what_handlers_know_of_the_request_is_true(app: Application) -> None:
    answer = ask(app, "/api/v1/who", token=ADMIN)

    assert answer.echo == {
        "user_id": 101, "address": "203.0.113.7", "request_id": answer.header("x-request-id"), "now": "2026-11-21T12:00:00Z",
        "public_url": "https://ci.example", "degraded": False, "greeting": "hello"}


def test_other_origins_get_nothing_by_default(app: Application) -> None:
    origin = ("Origin", "https://app.example")

    asked = ask(app, THINGS, token=ADMIN, headers=[origin])
    announced = ask(app, THINGS, method="OPTIONS", headers=[origin, ("Access-Control-Request-Method", "GET")])

    assert asked.header("access-control-allow-origin") is None
    assert announced.status == 405


@pytest.mark.parametrize("target", [THINGS, "/nope", "/api/v1/crash", "/openapi.json", f"{THINGS}/abc"])
def test_a_configured_origin_may_read_every_answer(make: Make, target: str) -> None:
    app = make(cors_origins=("https://app.example",))

    answer = ask(app, target, token=ADMIN, headers=[("Origin", "https://app.example")])

    assert answer.header("access-control-allow-origin") == "https://app.example"
    assert "Retry-After" in (answer.header("access-control-expose-headers") or "")
    assert answer.header("vary") == "Origin"
    assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"])
def test_other_origins_than_the_configured_get_nothing(make: Make, origin: str) -> None:
    app = make(cors_origins=("https://app.example",))

    answer = ask(app, THINGS, token=ADMIN, headers=[("Origin", origin)])

    assert answer.header("access-control-allow-origin") is None


def test_a_preflight_of_a_configured_origin_is_answered_without_a_token(make: Make) -> None:
    app = make(cors_origins=("https://app.example",))
    headers = [
        ("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization, content-type, idempotency-key")]

    answer = ask(app, THINGS, method="OPTIONS", headers=headers)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == "https://app.example"
    assert "POST" in (answer.header("access-control-allow-methods") or "")
    assert "Idempotency-Key" in (answer.header("access-control-allow-headers") or "")
    assert answer.header("x-ratelimit-limit")
