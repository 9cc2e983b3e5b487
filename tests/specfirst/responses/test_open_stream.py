"""Streams outlast the middlewares: nothing of the request is kept meanwhile, and the end is counted and logged as a request's is."""
from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api.app import Application
from api.specfirst.access.security import context_of
from api.specfirst.request_context import RequestContext
from api.specfirst.responses.open_stream import StreamResponse
from tests.specfirst.asking import ask
from tests.specfirst.conftest import Make

PATH = "/streams/of-these-tests"


class Looking:
    """A stream that looks for contexts of its request, and ends, or breaks."""

    def __init__(self, broken: Exception | None = None) -> None:
        self.kept: list[str] = []
        self._broken = broken

    async def run(self, receive: Receive, send: Send) -> None:
        """Look."""
        gc.collect()
        self.kept = [
            type(each).__name__ for each in gc.get_objects()
            if (isinstance(each, RequestContext) and each.path == PATH) or (type(each) is dict and each.get("path") == PATH)]
        if self._broken is not None:
            raise self._broken
        await send({"type": "http.response.body", "body": b"all"})


def streaming(make: Make, stream: Looking) -> Application:
    """An application that answers everything with this stream."""
    app = make()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        context_of(scope).path = scope["path"]
        await StreamResponse(stream, {"X-Head": "there"})(scope, receive, send)

    entrance: Any = app.entrance
    entrance._app._app = answer
    return app


async def _asked(app: Application) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    def asking() -> Any:
        return app(
            {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": PATH,
             "raw_path": PATH.encode(), "query_string": b"", "root_path": "", "headers": [], "client": ("203.0.113.7", 1),
             "server": ("things.example", 80)}, receive, send)

    await asking()
    return sent


def test_nothing_of_the_request_is_kept_while_the_stream_lasts(make: Make) -> None:
    stream = Looking()

    sent = asyncio.run(_asked(streaming(make, stream)))

    assert stream.kept == []
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (b"x-head", b"there") in sent[0]["headers"]


def test_a_stream_is_one_line_of_the_access_log_at_its_end(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "api.access")

    ask(streaming(make, Looking()), PATH)

    [record] = [record for record in caplog.records if record.name == "api.access"]
    assert (record.fields["status"], record.fields["method"]) == (200, "GET")  # type: ignore[attr-defined]


def test_what_breaks_a_stream_is_logged_with_its_request_and_tears_the_connection(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    app = streaming(make, Looking(RuntimeError("the log is torn")))

    with pytest.raises(RuntimeError, match="torn"):
        ask(app, PATH)

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith("request request-1 of GET ")
    assert record.exc_info is not None
