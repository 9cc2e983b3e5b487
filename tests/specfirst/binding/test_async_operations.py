"""Operations on the event loop, and the bridge to those that are not."""
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from starlette.types import Message

from api.app import Application
from api.domain.auth.access import Role
from api.specfirst.transport.asgi_to_wsgi import AsgiToWsgi
from tests.specfirst.asking import ask
from tests.specfirst.conftest import ADMIN, Make, token_for

OCTETS = [("Content-Type", "application/octet-stream")]
COLOUR: ContextVar[str] = ContextVar("colour")


def test_an_operation_on_the_loop_gets_validated_parameters_and_works_in_threads(app: Application) -> None:
    answer = ask(app, "/api/v1/waits/5", token=ADMIN)

    assert answer.echo == {"thing_id": 5, "wait": 7, "caller": 101, "elsewhere": True, "flask": True}


@pytest.mark.parametrize(("target", "token", "status"), [
    ("/api/v1/waits/5", None, 401), ("/api/v1/waits/5", token_for(Role.ADMIN), 403), ("/api/v1/waits/5?wait=61", ADMIN, 400),
    ("/api/v1/waits/404", ADMIN, 404), ("/api/v1/waits/13", ADMIN, 500)])
def test_an_operation_on_the_loop_is_guarded_like_any_other(app: Application, target: str, token: str | None, status: int) -> None:
    answer = ask(app, target, token=token)

    assert answer.status == status
    assert set(answer.json) == {"code", "message", "details"}


def test_an_upload_streams_to_the_operation(app: Application) -> None:
    answer = ask(app, "/api/v1/files", method="POST", token=ADMIN, headers=OCTETS, body=[b"x" * 15_000, b"x" * 15_000])

    assert (answer.status, answer.echo) == (201, 30_000)


@pytest.mark.parametrize("body", [b"x" * 50_000, [b"x" * 25_000, b"x" * 25_000]])
def test_an_upload_over_the_limit_is_413_announced_or_not(app: Application, body: bytes | list[bytes]) -> None:
    answer = ask(app, "/api/v1/files", method="POST", token=ADMIN, headers=OCTETS, body=body)

    assert (answer.status, answer.details["limit"]) == (413, 40_000)


def test_an_upload_of_another_type_is_415(app: Application) -> None:
    answer = ask(app, "/api/v1/files", method="POST", token=ADMIN, content={})

    assert (answer.status, answer.details["supported"]) == (415, ["application/octet-stream"])


def test_an_ordinary_operation_may_stream(app: Application) -> None:
    answer = ask(app, "/api/v1/text")

    assert (answer.status, answer.body) == (200, b"one\ntwo\nthree\n")


def test_a_stream_that_breaks_tears_the_connection_since_half_of_it_is_out(app: Application) -> None:
    with pytest.raises(RuntimeError):
        ask(app, "/api/v1/text?broken=true")


Started = Callable[..., Any]


def _bridged(wsgi: Callable[[dict[str, Any], Started], Iterable[bytes]], receive: Any = None) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return await asyncio.Future()

    async def run() -> None:
        with ThreadPoolExecutor(1) as pool:
            scope = {
                "type": "http", "method": "GET", "path": "/\u00fc", "query_string": b"a=\xff", "http_version": "1.1",
                "headers": [(b"x-a", b"1"), (b"x-a", b"2"), (b"content-type", b"text/x"), (b"content-length", b"9")]}
            await AsgiToWsgi(wsgi, pool)(scope, receive or nothing, send)

    asyncio.run(run())
    return sent


def test_a_finished_answer_is_two_messages() -> None:
    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "4"), ("X-Path", environ["PATH_INFO"])])
        return [b"ab", b"cd"]

    sent = _bridged(wsgi)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b"abcd"


def test_the_environment_has_neither_headers_nor_a_body() -> None:
    seen: dict[str, Any] = {}

    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        seen.update(environ, read=environ["wsgi.input"].read())
        start("204 No Content", [])
        return []

    _bridged(wsgi)

    assert (seen["QUERY_STRING"], seen["PATH_INFO"].encode("latin-1").decode()) == ("a=\xff", "/\u00fc")
    assert (seen["wsgi.input_terminated"], seen["read"]) == (True, b"")
    assert not [name for name in seen if name.startswith(("HTTP_", "CONTENT_"))]


def test_the_application_runs_in_a_thread_with_the_requests_context() -> None:
    seen: list[Any] = []

    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        seen.append((COLOUR.get(), threading.current_thread() is threading.main_thread()))
        start("204 No Content", [])
        return []

    COLOUR.set("green")
    _bridged(wsgi)

    assert seen == [("green", False)]


class Pieces:
    """A body in pieces that knows whether it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.closed, self.taken = pieces, False, 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece

    def close(self) -> None:
        """Note it."""
        self.closed = True


def test_a_stream_goes_out_piece_by_piece_and_is_closed() -> None:
    body = Pieces(b"one", b"", b"two")

    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        start("200 OK", [])(b"zero")
        return body

    sent = _bridged(wsgi)

    assert [message.get("body") for message in sent[1:]] == [b"zero", b"one", b"two", b""]
    assert body.closed


def test_a_stream_ends_and_is_closed_when_the_client_is_gone() -> None:
    body = Pieces(*[b"piece"] * 1000)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        start("200 OK", [])
        return body

    _bridged(wsgi, gone)

    assert body.closed
    assert body.taken < 1000


def test_what_the_application_raises_comes_out() -> None:
    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        _bridged(wsgi)


def test_what_it_reports_as_a_failure_comes_out_too() -> None:
    def wsgi(environ: dict[str, Any], start: Started) -> Iterable[bytes]:
        failure = LookupError("there")
        start("500 Oh", [], (LookupError, failure, None))
        return []

    with pytest.raises(LookupError, match="there"):
        _bridged(wsgi)


def test_hooks_are_entered_at_the_start_and_left_in_reverse_at_the_end(make: Make) -> None:
    events: list[str] = []

    class Hook:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __aenter__(self) -> None:
            events.append(f"enter {self.name}")

        async def __aexit__(self, *_: object) -> None:
            events.append(f"leave {self.name}")

    app = make(hooks=(lambda: Hook("a"), lambda: Hook("b")))
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    outgoing: list[str] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        outgoing.append(message["type"])

    asyncio.run(app({"type": "lifespan", "state": {}}, receive, send))

    assert events == ["enter a", "enter b", "leave b", "leave a"]
    assert outgoing == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_websocket_is_turned_away(app: Application) -> None:
    outgoing: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        outgoing.append(message)

    asyncio.run(app({"type": "websocket"}, receive, send))

    assert outgoing == [{"type": "websocket.close", "code": 1000}]
