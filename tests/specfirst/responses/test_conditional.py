"""ETags and 304, on operations that declare one and on fixed pages."""
from __future__ import annotations

import pytest

from api.app import Application
from api.specfirst.responses.json_responses import etag
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN

DECLARING = ["/api/v1/things/5", "/api/v1/waits/5", "/openapi.json", "/api/v1/ui", "/api/v1/ui/start.js", "/llms.txt"]


@pytest.mark.parametrize("target", DECLARING)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",W/{} , "more"', "*"])
def test_what_the_client_has_is_304_without_a_body(app: Application, target: str, method: str, form: str) -> None:
    full = ask(app, target, token=ADMIN)
    tag = full.header("etag") or ""

    answer = ask(app, target, method=method, token=ADMIN, headers=[("If-None-Match", form.format(tag))])

    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("etag") == tag == etag(full.body)
    assert answer.header("cache-control") == full.header("cache-control")
    assert (answer.header("content-type"), answer.header("content-length")) == (None, None)
    assert answer.header("x-ratelimit-limit")


@pytest.mark.parametrize("target", DECLARING)
@pytest.mark.parametrize("given", ['"other"', "", 'W/"other"', "{bare}", '"*"', "garbage"])
def test_anything_else_is_answered_in_full(app: Application, target: str, given: str) -> None:
    full = ask(app, target, token=ADMIN)
    bare = (full.header("etag") or "").strip('"')

    answer = ask(app, target, token=ADMIN, headers=[("If-None-Match", given.format(bare=bare))])

    assert (answer.status, answer.body) == (200, full.body)


def test_different_bytes_have_different_tags(app: Application) -> None:
    tags = {ask(app, f"/api/v1/things/{number}", token=ADMIN).header("etag") for number in (1, 2, 3)}

    assert len(tags) == 3


def test_an_operation_that_declares_no_304_has_no_tag(app: Application) -> None:
    answer = ask(app, "/api/v1/things", token=ADMIN, headers=[("If-None-Match", "*")])

    assert (answer.status, answer.header("etag")) == (200, None)


@pytest.mark.parametrize(("target", "status"), [
    ("/api/v1/things/2000", 404), ("/api/v1/things/0", 400), ("/api/v1/waits/404", 404)])
def test_a_refusal_is_never_304(app: Application, target: str, status: int) -> None:
    answer = ask(app, target, token=ADMIN, headers=[("If-None-Match", "*")])

    assert (answer.status, answer.header("etag")) == (status, None)
