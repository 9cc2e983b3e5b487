"""Which requests come from this machine itself, and from nobody who only passes through it."""
from __future__ import annotations

from typing import Any

import pytest

from api.specfirst.access.local_access import is_local, is_loopback_host

HOST = (b"host", b"127.0.0.1:8000")


def request(*headers: tuple[bytes, bytes], client: Any = ("127.0.0.1", 50_000), server: Any = ("127.0.0.1", 8000)) -> dict[str, Any]:
    return {"type": "http", "client": client, "server": server, "headers": list(headers)}


@pytest.mark.parametrize("host", [b"127.0.0.1:8000", b"localhost", b"LOCALHOST:8000", b"[::1]:8000", b"127.9.9.9"])
def test_a_program_on_this_machine_is_local(host: bytes) -> None:
    assert is_local(request((b"host", host), (b"user-agent", b"curl")))


@pytest.mark.parametrize("address", ["::1", "::ffff:127.0.0.1"])
def test_so_is_one_that_speaks_ipv6(address: str) -> None:
    assert is_local(request(HOST, client=(address, 50_000), server=(address, 8000)))


@pytest.mark.parametrize(("client", "server"), [
    (("192.0.2.7", 50_000), ("127.0.0.1", 8000)), (("127.0.0.1", 50_000), ("192.0.2.1", 8000)), (None, ("127.0.0.1", 8000)),
    (("127.0.0.1", 50_000), None), (("127.0.0.1", 50_000), ("/run/ci.sock", None)), (("localhost", 50_000), ("127.0.0.1", 8000)),
    (("", 0), ("127.0.0.1", 8000)), (("0.0.0.0", 1), ("127.0.0.1", 8000)), (("127.0.0.1.evil.net", 1), ("127.0.0.1", 8000))])
def test_both_ends_must_be_loopback_addresses(client: Any, server: Any) -> None:
    assert not is_local(request(HOST, client=client, server=server))


@pytest.mark.parametrize("header", [
    b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"via", b"x-real-ip", b"cf-connecting-ip"])
@pytest.mark.parametrize("value", [b"127.0.0.1", b"192.0.2.7", b""])
def test_what_came_by_way_of_a_proxy_is_not_local_whatever_the_proxy_says(header: bytes, value: bytes) -> None:
    assert not is_local(request(HOST, (header, value)))


@pytest.mark.parametrize("headers", [
    [], [HOST, HOST], [(b"host", b"evil.example")], [(b"host", b"127.0.0.1.evil.example:8000")], [(b"host", b"")], [(b"host", b"[::1")],
    [(b"host", b"evil@127.0.0.1")], [HOST, (b"origin", b"https://evil.example")], [HOST, (b"origin", b"null")],
    [HOST, (b"origin", b"http://127.0.0.1:9000")], [HOST, (b"sec-fetch-site", b"cross-site")], [HOST, (b"sec-fetch-site", b"same-site")]])
def test_what_a_page_of_another_site_has_a_browser_ask_is_not_local(headers: list[tuple[bytes, bytes]]) -> None:
    assert not is_local(request(*headers))


def test_a_page_of_this_very_server_is_local() -> None:
    assert is_local(request(HOST, (b"origin", b"http://127.0.0.1:8000"), (b"sec-fetch-site", b"same-origin")))


@pytest.mark.parametrize(("host", "local"), [
    ("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("", False), ("ci.example.org", False)])
def test_a_host_to_listen_on_is_loopback_by_its_name_or_number(host: str, local: bool) -> None:
    assert is_loopback_host(host) is local
