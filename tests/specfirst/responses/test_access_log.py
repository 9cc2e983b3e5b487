"""The access log: what it says of a request, and what it never says."""
from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from api.app import Application
from api.specfirst.responses.access_log import configure_logging
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN

FORM = [("Content-Type", "application/x-www-form-urlencoded")]


def _fields(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [vars(record)["fields"] for record in caplog.records if record.name == "api.access"]


def test_a_request_is_one_line_with_the_template_of_its_route(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "api.access")

    answer = ask(app, "/api/v1/things/4711?x=1", token=ADMIN, headers=[("X-Request-Id", "their-own.id_1")])

    [fields] = _fields(caplog)
    assert fields.pop("duration_ms") is not None
    assert fields == {
        "method": "GET", "route": "/api/v1/things/{thing_id}", "status": 400, "request_id": answer.header("x-request-id"),
        "user_id": 101, "operation": "get_thing", "address": "203.0.113.7",
        "client_request_id": "their-own.id_1", "message": "GET /api/v1/things/{thing_id} 400"}


def test_no_secret_of_a_request_reaches_any_log(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [ADMIN, RUN_TOKEN, "path-secret", "query-secret", "body-secret"]

    ask(app, f"/report/5/{RUN_TOKEN}", method="POST", headers=FORM, body=b"type=progress")
    ask(app, f"/report/5/{RUN_TOKEN}", method="POST", headers=FORM, body=b"type=crash")
    ask(app, f"/report/5/{RUN_TOKEN}/path-secret", method="POST", headers=FORM, body=b"type=crash")
    ask(app, "/api/v1/things?key=query-secret", token=ADMIN)
    ask(app, "/api/v1/login", method="POST", content={"name": "n", "password": "body-secret"})
    ask(app, "/api/v1/crash", token=ADMIN)

    written = caplog.text + " ".join(str(vars(record)) for record in caplog.records)
    assert len(_fields(caplog)) == 6
    assert [secret for secret in secrets if secret in written] == []


@pytest.mark.parametrize("forged", ["a b", "x" * 65, "a\nGET /admin", "", "\u00e9"])
def test_an_id_that_could_forge_a_line_is_left_out(app: Application, caplog: pytest.LogCaptureFixture, forged: str) -> None:
    caplog.set_level(logging.INFO, "api.access")

    ask(app, "/llms.txt", headers=[("X-Request-Id", forged)])

    assert _fields(caplog)[0]["client_request_id"] is None


def test_a_path_that_no_document_knows_has_no_route(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "api.access")

    ask(app, "/wp-admin/secret")

    assert (_fields(caplog)[0]["route"], _fields(caplog)[0]["status"]) == (None, 404)


@pytest.mark.usefixtures("restored_logging")
def test_lines_are_json_when_asked_for(app: Application) -> None:
    stream = io.StringIO()
    configure_logging("json", stream)

    ask(app, "/api/v1/crash", token=ADMIN)

    crash, access = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (access["logger"], access["route"], access["status"], access["level"]) == ("api.access", "/api/v1/crash", 500, "info")
    assert (crash["level"], "RuntimeError" in crash["exception"]) == ("error", True)


@pytest.mark.usefixtures("restored_logging")
def test_lines_are_text_otherwise_and_the_servers_own_access_log_is_silent(app: Application) -> None:
    stream = io.StringIO()
    configure_logging("text", stream)

    logging.getLogger("uvicorn.access").info("GET /report/5/%s", RUN_TOKEN)
    ask(app, "/llms.txt")

    [line] = stream.getvalue().splitlines()
    assert " INFO api.access method=GET route=/llms.txt operation=- status=200 " in line


@pytest.mark.usefixtures("restored_logging")
def test_a_lost_connection_to_the_database_is_one_line(tmp_path: Path) -> None:
    stream = io.StringIO()
    configure_logging("text", stream)
    engine = create_engine(f"sqlite:///{tmp_path / 'ci.db'}")

    connection = engine.raw_connection()
    assert connection.dbapi_connection is not None
    connection.dbapi_connection.close()
    # Nothing can be rolled back on its way into the pool.
    connection.close()

    lines = stream.getvalue().splitlines()
    assert lines
    assert all(" ERROR sqlalchemy.pool" in line for line in lines)
    assert "Cannot operate on a closed database." in lines[0]
