"""Log lines for machines: one JSON object each, with what the line is about, and without a secret."""
from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from api.app import Application
from api.log_context import bind_log_context, log_subject
from api.log_format import JsonFormatter
from api.specfirst.responses.access_log import configure_logging
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, RUN_TOKEN

JOB = "550e8400-e29b-41d4-a716-446655440000"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(restored_logging: None) -> Lines:
    """Logs JSON; calling it gives the lines so far."""
    stream = io.StringIO()
    configure_logging("json", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_time_its_level_its_place_and_its_words(lines: Lines) -> None:
    logging.getLogger("api.somewhere").warning("%d of %d", 1, 2)

    line, = lines()
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "logger": "api.somewhere", "message": "1 of 2"}


def test_the_line_of_a_request_says_all_that_is_known_of_it(lines: Lines, app: Application) -> None:
    answer = ask(app, "/api/v1/things/7", token=ADMIN)

    line, = lines()
    assert {name: line[name] for name in ("message", "request_id", "operation", "status", "user_id")} == {
        "message": "GET /api/v1/things/{thing_id} 200", "request_id": answer.header("x-request-id"),
        "operation": "get_thing", "status": 200, "user_id": 101}
    assert line["duration_ms"] >= 0


def test_what_is_logged_while_a_request_is_answered_has_its_id_and_its_operation(lines: Lines, app: Application) -> None:
    answer = ask(app, "/api/v1/crash", token=ADMIN)

    crash, access = lines()
    assert (crash["level"], crash["request_id"], crash["user_id"]) == ("error", answer.header("x-request-id"), 101)
    assert crash["operation"] == access["operation"]
    assert "RuntimeError" in crash["exception"]


def test_the_run_that_a_path_names_stands_in_the_line_and_its_workers_secret_does_not(lines: Lines, app: Application) -> None:
    ask(app, f"/report/5/{RUN_TOKEN}", method="POST", headers=[("Content-Type", "application/x-www-form-urlencoded")], body=b"type=crash")

    assert {line["run_id"] for line in lines()} == {5}
    assert RUN_TOKEN not in json.dumps(lines())


def test_nothing_of_one_request_stands_in_the_lines_after_it(lines: Lines, app: Application) -> None:
    ask(app, "/api/v1/things/7", token=ADMIN)

    logging.getLogger("api.somewhere").info("later")

    assert set(lines()[-1]) == {"time", "level", "logger", "message"}


def test_what_a_thread_works_on_stands_in_its_lines_and_in_no_others(lines: Lines) -> None:
    log = logging.getLogger("api.agent")

    def work() -> None:
        with bind_log_context(job_id=JOB, attempt=2):
            log.info("inside")
            with bind_log_context(attempt=3):
                log.info("further inside")
        log.info("outside")

    thread = threading.Thread(target=work)
    with bind_log_context(run_id=7):
        thread.start()
        thread.join()

    shown = [{name: line[name] for name in ("job_id", "attempt", "run_id") if name in line} for line in lines()]
    assert shown == [{"job_id": JOB, "attempt": 2}, {"job_id": JOB, "attempt": 3}, {}]
    assert log_subject() == {}


def test_text_that_could_forge_a_line_stays_within_its_own() -> None:
    text = 'a"}\n{"level": "error", "message": "forged\u2028\ud800"}'

    # Not by way of a logger: what pytest captures of those must be text that can be encoded.
    line = JsonFormatter().format(logging.LogRecord("api.somewhere", logging.INFO, "somewhere.py", 1, "%s", (text,), None))

    assert line.isascii() and "\n" not in line
    assert (json.loads(line)["level"], json.loads(line)["message"]) == ("info", text)


def test_the_servers_own_lines_are_objects_too_and_its_access_log_is_silent(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    logging.getLogger("uvicorn.access").info("GET /report/5/%s", RUN_TOKEN)

    assert [(line["logger"], line["message"]) for line in lines()] == [("uvicorn.error", "Application startup complete.")]


def test_addresses_that_are_sent_to_stand_in_no_line(lines: Lines) -> None:
    for name in ("httpx", "httpcore.http11"):
        logging.getLogger(name).info("HTTP Request: POST https://hooks.example/?key=secret")

    assert lines() == []


def test_a_warning_is_a_line(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("mind the gap", stacklevel=1)
        logging.captureWarnings(False)

    line, = lines()
    assert (line["logger"], line["level"], "mind the gap" in line["message"]) == ("py.warnings", "warning", True)


def test_an_exception_that_nothing_caught_is_a_line(lines: Lines) -> None:
    def break_down() -> None:
        raise RuntimeError("nobody caught it")

    try:
        break_down()
    except RuntimeError as raised:
        sys.excepthook(RuntimeError, raised, raised.__traceback__)
        threading.excepthook(threading.ExceptHookArgs((RuntimeError, raised, raised.__traceback__, None)))

    assert [(line["level"], "nobody caught it" in line["exception"]) for line in lines()] == [("critical", True)] * 2
