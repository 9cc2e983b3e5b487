"""An ASGI-to-WSGI bridge that needs one thread switch per request; streams are passed on piece by piece."""
from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextvars import Context, copy_context
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any

from starlette.types import Receive, Scope, Send

Header = tuple[bytes, bytes]
WSGIApp = Callable[..., Iterable[bytes]]
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


@dataclass
class Answer:
    """What a WSGI application gave: its whole body, or the rest of it still to be pulled."""

    status: int
    headers: list[Header]
    body: bytes
    rest: Iterable[bytes] | None


class AsgiToWsgi:
    """Runs a WSGI application in a pool of threads. Bodies were read and validated before, so that none is passed on."""

    def __init__(self, app: WSGIApp, pool: Executor) -> None:
        self._app = app
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        context = copy_context()
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._pool, context.run, self._answer, environ_of(scope))
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if answer.rest is None:
            await send({"type": "http.response.body", "body": answer.body})
        else:
            await self._stream(context, answer, answer.rest, receive, send)

    async def _stream(self, context: Context, answer: Answer, rest: Iterable[bytes], receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        gone = asyncio.create_task(_disconnected(receive))
        try:
            pieces: Iterator[bytes] = iter(rest)
            piece: bytes | None = answer.body
            while piece is not None and not gone.done():
                if piece:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await loop.run_in_executor(self._pool, context.run, _next, pieces)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            close = getattr(rest, "close", None)
            if close is not None:
                await asyncio.shield(loop.run_in_executor(self._pool, context.run, close))

    def _answer(self, environ: dict[str, Any]) -> Answer:
        answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, [], b"", None)
        written: list[bytes] = []

        def start_response(status: str, headers: Sequence[tuple[str, str]], failure: Any = None) -> Callable[[bytes], None]:
            if failure:
                raise failure[1].with_traceback(failure[2])
            answer.status = int(status[:3])
            answer.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            return written.append

        body = self._app(environ, start_response)
        if answer.status not in _WITHOUT_BODY and not any(name == b"content-length" for name, _ in answer.headers):
            answer.body, answer.rest = b"".join(written), body
            return answer
        try:
            answer.body = b"".join((*written, *body))
        finally:
            getattr(body, "close", lambda: None)()
        return answer


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        # What is left of a body that nobody asked for is let go.
        await asyncio.sleep(0)


def environ_of(scope: Scope) -> dict[str, Any]:
    """The WSGI environment of a request whose head was judged, and whose body was read, before: of either nothing is passed on.

    Werkzeug takes a strange Host, or one that asks for a WebSocket, for another server's.
    """
    return {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "asgi.scope": scope,
    }
