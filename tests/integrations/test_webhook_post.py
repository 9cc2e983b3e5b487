"""One delivery of a webhook: what the receiver gets, and where the server never connects to."""
from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from api.domain.errors import Unprocessable
from api.domain.jobs.webhook import Address, signature
from api.integrations.webhook_post import Delivery, NotDelivered, WebhookPost, resolve
from tests.certificates import certify, listening
from tests.receiver import receiving

SECRET = "a secret of the tests"
DELIVERY = Delivery("job.completed", "j1", 1_790_000_000, b'{"event":"job.completed"}')
HOSTS = ("127.0.0.1", "hooks.example")


@dataclass
class Names:
    """A directory of names that gives other addresses each time it is asked."""

    answers: list[list[str]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """The next addresses."""
        self.asked.append((host, port))
        return [ip_address(text) for text in self.answers.pop(0)]


def send(url: str, *, private: bool = True, seconds: float = 60, names: Names | None = None, tls: ssl.SSLContext | None = None) -> None:
    post = WebhookPost(HOSTS, private, SECRET, resolve=names or resolve, tls=tls or ssl.create_default_context(), seconds=seconds)
    asyncio.run(post.send(url, DELIVERY))


def closed_port() -> int:
    """A port on which nobody listens."""
    with receiving() as receiver:
        return receiver.port


def test_the_receiver_can_tell_that_the_hook_is_ours_which_it_is_and_from_when() -> None:
    with receiving() as receiver:
        send(receiver.url)

    got, = receiver.received
    assert (got.path, got.body) == ("/told?run=1", DELIVERY.body)
    assert {name: got.headers[name] for name in got.headers if name.startswith("x-ci-")} == {
        "x-ci-event": "job.completed", "x-ci-delivery": "j1", "x-ci-timestamp": "1790000000",
        "x-ci-signature-256": signature(SECRET, 1_790_000_000, DELIVERY.body)}
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_good_answer_is_a_delivery(status: int) -> None:
    with receiving(answers=[status]) as receiver:
        send(receiver.url)

    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_any_other_answer_is_none(status: int) -> None:
    with receiving(answers=[status]) as receiver, pytest.raises(NotDelivered, match=str(status)):
        send(receiver.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as other, receiving(answers=[status], location=other.url) as receiver, pytest.raises(NotDelivered):
        send(receiver.url)

    assert (len(receiver.received), other.received) == (1, [])


def test_a_receiver_that_does_not_answer_is_left() -> None:
    with receiving(silent=True) as receiver, pytest.raises(NotDelivered, match="in time"):
        send(receiver.url, seconds=0.3)


def test_a_receiver_that_answers_byte_by_byte_without_end_is_left() -> None:
    with receiving(trickling=True) as receiver, pytest.raises(NotDelivered):
        send(receiver.url, seconds=0.5)


def test_an_answer_without_end_is_not_read() -> None:
    with receiving(endless=True) as receiver:
        send(receiver.url)

    assert len(receiver.received) == 1


def test_a_receiver_that_is_away_is_told_from_one_that_refuses() -> None:
    with pytest.raises(NotDelivered, match="cannot be connected to"):
        send(f"http://127.0.0.1:{closed_port()}/")


def test_a_name_is_looked_up_once_and_that_address_is_connected_to() -> None:
    names = Names([["127.0.0.1"], ["203.0.113.9"]])

    with receiving() as receiver:
        send(f"http://hooks.example:{receiver.port}/told", names=names)

    assert names.asked == [("hooks.example", receiver.port)]
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_the_next_address_is_tried_where_nobody_listens_at_the_first() -> None:
    names = Names([["::1", "127.0.0.1"]])

    with receiving() as receiver:
        send(f"http://hooks.example:{receiver.port}/told", names=names)

    assert len(receiver.received) == 1


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], ["fd00::1"]])
def test_a_name_that_turned_to_an_address_inside_is_not_connected_to(found: list[str]) -> None:
    with receiving() as receiver, pytest.raises(NotDelivered, match="may not be connected to"):
        send(f"https://hooks.example:{receiver.port}/told", private=False, names=Names([found]))

    assert receiver.received == []


def test_a_public_address_is_not_told_by_plain_http_even_where_private_ones_are() -> None:
    with pytest.raises(NotDelivered, match="may not be connected to"):
        send("http://hooks.example/told", names=Names([["8.8.8.8"]]))


def test_a_name_that_leads_nowhere_is_not_delivered_to() -> None:
    async def nowhere(host: str, port: int) -> Sequence[Address]:
        raise OSError("no such name")

    post = WebhookPost(HOSTS, True, SECRET, resolve=nowhere, tls=ssl.create_default_context())
    with pytest.raises(NotDelivered, match="leads nowhere"):
        asyncio.run(post.send("https://hooks.example/", DELIVERY))


def test_a_host_that_is_not_on_the_list_any_more_is_refused() -> None:
    with receiving() as receiver, pytest.raises(Unprocessable):
        send(f"http://localhost:{receiver.port}/")

    assert receiver.received == []


def test_proxies_of_the_environment_do_not_get_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        send(receiver.url)

    assert (len(receiver.received), proxy.received) == (1, [])


def test_the_resolver_of_this_host_knows_addresses_as_they_are_written() -> None:
    assert asyncio.run(resolve("127.0.0.1", 443)) == [ip_address("127.0.0.1")]
    assert asyncio.run(resolve("::1", 443)) == [ip_address("::1")]


def test_a_secret_does_not_stand_in_what_is_printed_of_the_sender() -> None:
    assert SECRET not in repr(WebhookPost(HOSTS, True, SECRET, tls=ssl.create_default_context()))


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of hooks.example with its key, in one file."""
    return certify("hooks.example", tmp_path_factory.mktemp("tls") / "hooks.pem")


def test_by_https_the_certificate_is_asked_for_the_name_though_the_address_is_connected_to(certified: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certified))

    with receiving(listening(certified)) as receiver:
        send(f"https://hooks.example:{receiver.port}/told", names=Names([["127.0.0.1"]]), tls=trusting)

    assert len(receiver.received) == 1


def test_a_certificate_of_another_name_is_not_taken(certified: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certified))

    with receiving(listening(certified)) as receiver, pytest.raises(NotDelivered):
        send(f"https://127.0.0.1:{receiver.port}/told", tls=trusting)

    assert receiver.received == []


def test_a_certificate_that_nobody_vouches_for_is_not_taken(certified: Path) -> None:
    with receiving(listening(certified)) as receiver, pytest.raises(NotDelivered):
        send(f"https://hooks.example:{receiver.port}/told", names=Names([["127.0.0.1"]]))

    assert receiver.received == []
