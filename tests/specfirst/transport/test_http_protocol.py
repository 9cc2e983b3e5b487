"""What a connection may cost before there is a request: bytes, fields, time, connections; and how answers of HTTP/1.0 end."""
from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api.specfirst.transport.http_protocol import BoundedHttp
from tests.specfirst.transport.sockets import connected, listening, read, said, status

GET = b"GET /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
PIECES = (b"one\n", b"two\n", b"", b"three\n")


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells what it got of a request; `/stream` comes in pieces of no known length."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    body, more = b"", scope["path"] != "/early"
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in PIECES:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    names = [name.decode() for name, _ in scope["headers"]]
    told = json.dumps({"path": len(scope["path"]), "names": names, "body": len(body)})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told.encode()})


class Hasty(BoundedHttp):
    """Gives a head no time."""

    head_seconds = 0.3


class Narrow(BoundedHttp):
    """Has room for three that wait."""

    max_waiting = 3


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with the limits of life."""
    with listening(_app) as port:
        yield port


def _told(answer: bytes) -> Any:
    assert status(answer) == 200, answer[:200]
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def _memory() -> int:
    """How much memory this process, with the server in it, holds, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_the_largest_head_that_is_allowed_is_answered(port: int) -> None:
    target = b"/" + b"a" * (BoundedHttp.max_target - 1)
    fields = b"".join(b"X-%02d: %s\r\n" % (number, b"v" * 250) for number in range(98))

    answer = said(port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + fields + b"Connection: close\r\n\r\n")

    assert (_told(answer)["path"], len(_told(answer)["names"])) == (BoundedHttp.max_target, 100)


@pytest.mark.parametrize(("head", "refused", "code"), [
    (GET + b"X-A: " + b"a" * (64 << 10) + b"\r\n\r\n", 431, "header_too_large"),
    (GET + b"A" * (64 << 10) + b": a\r\n\r\n", 431, "header_too_large"),
    (GET + b"X-A: b\r\n" * 99 + b"\r\n", 431, "header_too_large"),
    (GET + b"".join(b"X-A: " + b"b" * 1000 + b"\r\n" for _ in range(80)) + b"\r\n", 431, "header_too_large"),
    (b"GET /" + b"a" * (32 << 10) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "target_too_long"),
    (b"GET /?" + b"a=b&" * (8 << 10) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "target_too_long"),
    (b"\r\n" * (48 << 10), 431, "header_too_large"),
    (b"GET /things HTTP/1.1\r\nHost" + b" " * (96 << 10), 400, "malformed_request"),
    (b"nonsense\r\n\r\n", 400, "malformed_request")])
def test_a_head_beyond_a_limit_is_refused_in_the_words_of_the_api(port: int, head: bytes, refused: int, code: str) -> None:
    answer = said(port, head)

    assert status(answer) == refused
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (told["code"], set(told)) == (code, {"code", "message", "details"})
    assert b"connection: close" in answer


@pytest.mark.parametrize("start", [b"GET /things HTTP/1.1\r\nHost: x\r\nX-A: ", b"GET /", b"GET /things HTTP/1.1\r\nX"])
def test_a_hundred_megabytes_of_an_unfinished_head_take_no_memory_and_no_more_than_one_of_the_network(port: int, start: bytes) -> None:
    before, sent = _memory(), 0

    with connected(port) as connection:
        connection.sendall(start)
        try:
            while sent < 100 << 20:
                sent += connection.send(b"a" * (64 << 10))
        except ConnectionError:
            pass
        answer = read(connection)

    # What the two kernels' buffers hold was sent, and never read.
    assert sent < 16 << 20
    assert answer == b"" or status(answer) in (414, 431)
    assert _memory() - before < 16 << 20


def test_fields_behind_a_body_are_limited_too_and_never_those_of_the_request(port: int) -> None:
    head = b"POST /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"

    few = said(port, head + b"X-Late: 1\r\n\r\n")
    many = said(port, head + b"X-Late: 1\r\n" * 200)
    long = said(port, head + b"X-Late: ", b"1" * (200 << 10))

    assert _told(few)["names"] == ["host", "connection", "transfer-encoding"]
    assert (many.count(b"200 OK"), long.count(b"200 OK")) == (0, 0)


def test_a_body_is_not_counted_as_head(port: int) -> None:
    body = b"b" * (1 << 20)

    whole = said(port, b"POST /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    head = b"POST /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = said(port, head + b"1\r\nb\r\n" * 100_000 + b"0\r\n\r\n")

    assert (_told(whole)["body"], _told(chunks)["body"]) == (1 << 20, 100_000)


def test_requests_that_come_one_behind_the_other_are_answered_up_to_a_number(port: int) -> None:
    one = b"GET /things HTTP/1.1\r\nHost: x\r\n\r\n"

    few = said(port, one * 10 + GET + b"\r\n")
    many = said(port, one * 10_000)

    assert few.count(b"200 OK") == 11
    assert many.count(b"200 OK") <= BoundedHttp.max_pipelined


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_upgrade_that_nobody_offers_is_ignored_and_nothing_behind_it_is_a_request(port: int, protocol: bytes) -> None:
    answer = said(port, b"GET /things HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n" + GET + b"\r\n")

    assert answer.count(b"200 OK") == 1
    assert b"connection: close" in answer


def test_a_head_that_does_not_come_to_an_end_is_refused_after_a_while() -> None:
    with listening(_app, Hasty) as port:
        silent = said(port)
        unfinished = said(port, GET)
        with connected(port) as connection:
            connection.sendall(b"GET /things HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(1 << 16)
            connection.sendall(b"GET /things")
            second = read(connection)

    assert silent == b""
    assert (status(unfinished), status(second)) == (408, 408)
    assert json.loads(unfinished.partition(b"\r\n\r\n")[2])["code"] == "request_timeout"


def test_a_client_that_trickles_a_body_which_was_answered_already_is_let_go() -> None:
    with listening(_app, Hasty) as port, connected(port) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        connection.recv(1 << 16)
        sent = 0
        connection.settimeout(0.05)
        while sent < 1_000:
            try:
                connection.sendall(b"b")
                sent += 1
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break

    assert sent < 1_000


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_client_that_reads_only_after_its_whole_body_is_sent_gets_the_answer_that_came_before(port: int, version: bytes) -> None:
    size = 24 << 20
    head = b"POST /early HTTP/%s\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (version, size)

    with connected(port) as connection:
        connection.sendall(head)
        for _ in range(size >> 20):
            connection.sendall(b"b" * (1 << 20))
        answer = read(connection)

    assert status(answer) == 200
    assert b"connection: close" in answer


def test_a_client_that_goes_on_sending_after_the_answer_is_let_go(port: int) -> None:
    sent = 0

    with connected(port) as connection, suppress(ConnectionError):
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 999999999999\r\n\r\n")
        while sent < 1 << 30:
            connection.sendall(b"b" * (1 << 20))
            sent += 1 << 20

    assert sent < 256 << 20


def test_the_connection_that_waits_longest_makes_room_where_too_many_wait() -> None:
    with listening(_app, Narrow) as port, ExitStack() as stack:
        half_open = [stack.enter_context(connected(port)) for _ in range(10)]
        for connection in half_open:
            connection.sendall(b"GET /things HTTP/1.1\r\n")
        answer = said(port, GET + b"\r\n")
        closed = sum(_is_closed(connection) for connection in half_open)
        half_open[-1].sendall(b"Host: x\r\nConnection: close\r\n\r\n")
        last = read(half_open[-1])

    assert status(answer) == 200
    assert closed >= 7
    assert status(last) == 200


def test_connections_that_are_being_answered_never_make_room() -> None:
    with listening(_app, Narrow) as port, ExitStack() as stack:
        busy = [stack.enter_context(connected(port)) for _ in range(3)]
        for connection in busy:
            connection.sendall(b"POST /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\na")
        for _ in range(20):
            said(port, GET + b"\r\n")
        idle = [stack.enter_context(connected(port)) for _ in range(20)]
        for connection in busy:
            connection.sendall(b"bc")
        answers = [read(connection) for connection in busy]

    assert len(idle) == 20
    assert [_told(answer)["body"] for answer in answers] == [3, 3, 3]


@pytest.mark.parametrize(("version", "framed"), [(b"1.0", False), (b"1.1", True)])
def test_an_answer_of_unknown_length_is_chunked_for_http_1_1_alone(port: int, version: bytes, framed: bool) -> None:
    head, _, body = said(port, b"GET /stream HTTP/" + version + b"\r\nHost: x\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")

    assert (b"transfer-encoding: chunked" in head) is framed
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in PIECES if piece) + b"0\r\n\r\n"
    assert body == (chunks if framed else b"".join(PIECES))
    assert b"connection: close" in head


def test_an_answer_of_known_length_keeps_it_for_http_1_0(port: int) -> None:
    answer = said(port, b"GET /things HTTP/1.0\r\n\r\n")
    head = said(port, b"HEAD /stream HTTP/1.0\r\n\r\n")

    assert b"content-length: " in answer
    assert _told(answer)["names"] == []
    assert (status(head), head.partition(b"\r\n\r\n")[2]) == (200, b"")


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.2)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_client_that_vanishes_without_a_word_is_looked_for_within_ten_seconds() -> None:
    found: list[list[int]] = []

    class Looking(BoundedHttp):
        """Tells how its connection is looked after."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            connection = transport.get_extra_info("socket")
            options = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT
            found.append([connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *(
                connection.getsockopt(socket.IPPROTO_TCP, option) for option in options)])

    with listening(_app, Looking) as port:
        said(port, GET + b"\r\n")

    [[is_looked_after, idle, interval, times]] = found
    assert is_looked_after == 1
    assert idle + interval * times <= 10
