"""Handlers behind the documents of these tests: they say what reached them."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import flask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.domain.errors import Conflict, NotFound, Unavailable
from api.specfirst import request_context
from api.specfirst.responses.json_responses import answer
from api.specfirst.validation.validation import CHECKED_LIMIT

SECRET = "hunter2-of-the-database"


def list_things(**arguments: Any) -> dict[str, Any]:
    """Echo all parameters."""
    return {"echo": arguments}


def create_thing(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Echo the body."""
    if body["name"] == "taken":
        raise Conflict("There is one of that name.")
    return {"echo": body}, 201


def login(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Echo the body."""
    return {"echo": body}, 201


def delete_current_thing() -> None:
    """Answer 204."""


def delete_thing(thing_id: int) -> None:
    """Answer 204."""


def get_thing(thing_id: int) -> dict[str, Any]:
    """Echo the id, in the same bytes each time."""
    if thing_id > 1000:
        raise NotFound("thing", thing_id)
    if thing_id == 503:
        raise Unavailable("The store does not answer.", retry_after=9)
    return {"echo": {"thing_id": thing_id, "at": request_context.now()}}


def summarize_thing(thing_id: int) -> dict[str, Any]:
    """Echo the id."""
    return {"echo": thing_id}


def cancel_thing(thing_id: int, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Echo id and body."""
    return {"echo": {"thing_id": thing_id, "body": body}}, 202


def who() -> dict[str, Any]:
    """Echo what the context knows."""
    return {"echo": {
        "user_id": request_context.caller().user_id, "address": request_context.current.get().address,
        "request_id": request_context.request_id(), "now": request_context.now(), "public_url": request_context.values().public_url,
        "degraded": request_context.limits_degraded(),
        "greeting": request_context.collaborator(str)}}


def crash() -> dict[str, Any]:
    """Break in a way that nobody foresaw."""
    raise RuntimeError(SECRET)


def breach(how: str) -> Any:
    """Break the promise of the document."""
    promised = {"X-Promised": "yes"}
    answers = {
        "body": ({"echo": 1, SECRET: 2}, 200, promised), "status": ({"echo": 1}, 418, promised),
        "large": ({"echo": 1, SECRET: "x" * CHECKED_LIMIT}, 200, promised),
        "kind": flask.Response("text", headers=promised, mimetype="text/plain"), "header": ({"echo": 1}, 200, {})}
    return answers[how]


def stream_text(broken: bool) -> flask.Response:
    """Stream three lines, or break after the first."""
    def lines() -> Iterator[bytes]:
        yield b"one\n"
        if broken:
            raise RuntimeError(SECRET)
        yield b"two\n"
        yield b"three\n"

    return flask.Response(lines(), mimetype="text/plain")


async def wait_for_thing(request: Request, thing_id: int, wait: int) -> Response:
    """Echo from the event loop, with work done in a thread."""
    if thing_id == 13:
        raise RuntimeError(SECRET)
    if thing_id == 404:
        raise NotFound("thing", thing_id)
    loop_thread = threading.get_ident()
    caller, elsewhere, has_flask = await request_context.in_thread(_in_a_thread, loop_thread)
    await asyncio.sleep(0)
    return answer({"echo": {"thing_id": thing_id, "wait": wait, "caller": caller, "elsewhere": elsewhere, "flask": has_flask}})


def _in_a_thread(loop_thread: int) -> tuple[int, bool, bool]:
    return request_context.caller().user_id, threading.get_ident() != loop_thread, bool(flask.current_app)


async def take_file(request: Request) -> Response:
    """Echo the size of an upload."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return answer({"echo": size}, 201)


async def report(request: Request, run_id: int, token: str) -> Response:
    """Take a report, unless there were too many; a `finish` is never too many."""
    form = (await request.body()).decode()
    if "type=crash" in form:
        raise RuntimeError(SECRET)
    if "type=finish" not in form:
        request_context.refuse_if_over_limit()
    return PlainTextResponse("OK")


def mode(platform: str) -> str:
    """Say a word."""
    return "False" if platform == "linux" else "ERROR"


def set_mode(platform: str) -> None:
    """Answer 204."""


def list_jobs() -> dict[str, Any]:
    """Say that there are none."""
    return {"data": []}


NOT_CALLABLE = "a text"
