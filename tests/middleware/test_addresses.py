"""The client's address, with and without proxies in between, some of which lie."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.middleware.addresses import Addresses, limited_as

PROXIES = Addresses(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])


def _client(addresses: Addresses, peer: str | None, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return addresses.client({"client": (peer, 1) if peer else None, "headers": headers})


@pytest.mark.parametrize(("peer", "forwarded", "client"), [
    ("203.0.113.7", [], "203.0.113.7"),
    ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
    ("10.0.0.1", [], "10.0.0.1"),
    ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ("10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
    ("10.0.0.1", ["6.6.6.6", "198.51.100.1", "10.9.9.9"], "198.51.100.1"),
    ("2001:db8::1", ["2001:470::5"], "2001:470::5"),
    ("192.0.2.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
    ("10.0.0.1", ["6.6.6.6, nonsense"], "10.0.0.1"),
    ("10.0.0.1", ["nonsense, 10.0.0.2"], "10.0.0.2"),
    ("10.0.0.1", [""], "10.0.0.1"),
    ("192.0.2.2", ["6.6.6.6"], "192.0.2.2"),
    (None, ["6.6.6.6"], "unknown")])
def test_the_right_most_address_that_is_no_trusted_proxys_is_the_clients(peer: str | None, forwarded: list[str], client: str) -> None:
    assert _client(PROXIES, peer, *forwarded) == client


def test_without_proxies_nobody_is_believed() -> None:
    assert _client(Addresses([]), "10.0.0.1", "6.6.6.6") == "10.0.0.1"


@given(st.lists(st.ip_addresses().map(str) | st.text(st.characters(max_codepoint=255), max_size=20), max_size=5))
def test_what_a_client_forwards_by_itself_never_moves_the_address_that_the_proxy_saw(lies: list[str]) -> None:
    assert _client(PROXIES, "10.0.0.1", ", ".join([*lies, "198.51.100.1"])) == "198.51.100.1"


@pytest.mark.parametrize(("address", "counted"), [
    ("198.51.100.1", "198.51.100.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::ffff:198.51.100.1", "198.51.100.1"),
    ("unknown", "unknown")])
def test_limits_count_a_network_of_ipv6_as_one_address(address: str, counted: str) -> None:
    assert limited_as(address) == counted
