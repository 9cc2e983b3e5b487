"""Reports that lack their run's secret: refused before their body is read, whatever it is, and never for free."""
from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.types import ASGIApp, Message, Scope

from tests.builders import add_run
from tests.handlers.conftest import MakeSite
from tests.handlers.jobs.watching import TIMEOUT, listening
from tests.handlers.site import Site

FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=B"}
STRANGE = {"content-type": "application/json"}
SHORT = {"content-length": "11"}
HUGE = {"content-length": str(1 << 40)}
CHUNKED = {"transfer-encoding": "chunked"}
EXPECTING = {"expect": "100-continue"}


class Sender:
    """A sender whose body never ends, and who counts how often somebody asks for more of it."""

    def __init__(self, app: ASGIApp, path: str, headers: Mapping[str, str]) -> None:
        self.asked = 0
        self._sent: list[Message] = []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("203.0.113.7", 50000), "server": ("ci", 80),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
        asyncio.run(self._send_to(app, scope))

    @property
    def answer(self) -> tuple[int, bytes]:
        """Status and body."""
        start, *rest = self._sent
        return start["status"], b"".join(message["body"] for message in rest)

    @property
    def stays_connected(self) -> bool:
        """Whether the connection may be used again."""
        return (b"connection", b"close") not in self._sent[0]["headers"]

    async def _send_to(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        self.asked += 1
        assert self.asked < 100
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def _send(self, message: Message) -> None:
        self._sent.append(message)


@pytest.fixture
def run_id(site: Site) -> int:
    """A run that somebody may guess the secret of."""
    return add_run()


@pytest.mark.parametrize("kind", [FORM, MULTIPART, STRANGE, {}], ids=["form", "multipart", "strange", "unnamed"])
@pytest.mark.parametrize("framing", [SHORT, HUGE, CHUNKED, HUGE | EXPECTING, CHUNKED | EXPECTING], ids=[
    "short", "huge", "chunked", "huge expecting", "chunked expecting"])
@pytest.mark.parametrize("known", [True, False], ids=["a run", "no run"])
def test_of_a_body_without_the_runs_secret_not_a_byte_is_read(
    site: Site, run_id: int, kind: dict[str, str], framing: dict[str, str], known: bool,
) -> None:
    sender = Sender(site.app, f"/ci/progress-reporter/{run_id if known else 4711}/{'x' * 64}", kind | framing)

    assert (sender.answer, sender.asked) == ((403, b"FAIL"), 0)
    assert sender.stays_connected is (framing == SHORT)


@pytest.mark.parametrize("path", ["0/x", "-5/x", "999999999999999999/x", "5/%00"])
def test_a_path_that_could_be_no_runs_is_refused_likewise(site: Site, path: str) -> None:
    sender = Sender(site.app, f"/ci/progress-reporter/{path}", STRANGE | HUGE)

    assert (sender.answer, sender.asked) == ((403, b"FAIL"), 0)


@pytest.mark.parametrize("headers", [FORM | SHORT, STRANGE | SHORT, FORM | HUGE, MULTIPART | CHUNKED], ids=[
    "form", "strange", "huge", "chunked"])
def test_however_a_wrong_secret_is_sent_it_counts_against_its_address(make_site: MakeSite, headers: dict[str, str]) -> None:
    site = make_site(rate_anonymous=3)
    path = f"/progress-reporter/{add_run()}/wrong"

    senders = [Sender(site.app, path, headers) for _ in range(5)]

    assert [sender.answer[0] for sender in senders] == [403, 403, 403, 429, 429]
    assert sum(sender.asked for sender in senders) == 0


def test_wrong_secrets_count_per_process_while_the_store_of_limits_is_away(make_site: MakeSite) -> None:
    site = make_site(rate_anonymous=2, rate_store="redis://127.0.0.1:1/0")
    path = f"/ci/progress-reporter/{add_run()}/wrong"

    statuses = [Sender(site.app, path, FORM | SHORT).answer[0] for _ in range(4)]

    assert statuses == [403, 403, 429, 429]


def test_while_secrets_cannot_be_looked_up_no_body_is_read_either(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: Any) -> bool:
        raise OperationalError("SELECT", {}, Exception("gone"), connection_invalidated=True)

    site = make_site()
    monkeypatch.setattr("api.services.runs.worker_access.is_worker_token", away)

    sender = Sender(site.app, f"/ci/progress-reporter/{add_run()}/{'x' * 64}", MULTIPART | HUGE)

    assert (sender.answer[0], sender.asked) == (503, 0)


@pytest.fixture
def served(make_site: MakeSite) -> Iterator[tuple[Site, int]]:
    """A site with the port on which a real server listens."""
    site = make_site()
    with listening(site.app) as url:
        yield site, int(url.rpartition(":")[2])


def said_to(port: int, head: Sequence[str]) -> bytes:
    """All that a server says to a sender of a head that waits for it, up to where it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall("\r\n".join((*head, "", "")).encode())
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("framing", ["Content-Length: 1099511627776", "Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_sender_that_waits_to_be_asked_for_its_body_is_refused_and_never_asked(served: tuple[Site, int], framing: str) -> None:
    head = [
        f"POST /ci/progress-reporter/{add_run()}/{'x' * 64} HTTP/1.1", "Host: ci", "Content-Type: multipart/form-data; boundary=B",
        framing, "Expect: 100-continue"]

    said = said_to(served[1], head)

    assert said.startswith(b"HTTP/1.1 403 ") and said.endswith(b"FAIL")
    assert b"100 Continue" not in said


def test_the_runs_own_worker_is_asked_for_its_body(served: tuple[Site, int]) -> None:
    site, port = served
    body = "type=progress&status=testing&message=a b"
    head = [
        f"POST {site.worker_path(add_run())} HTTP/1.1", "Host: ci", "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close"]

    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        connection.sendall("\r\n".join((*head, "", "")).encode())
        asked = connection.recv(1 << 16)
        connection.sendall(body.encode())
        answer = connection.recv(1 << 16)

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 ")
