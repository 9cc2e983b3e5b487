"""The client's address, with and without proxies in between, some of which lie."""
from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.config_values import networks
from api.specfirst.access.addresses import Addresses, rate_limit_key

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
    ("10.0.0.1", ["203.0.113.5:51234"], "203.0.113.5"),
    ("10.0.0.1", ["[2001:470::1]:443"], "2001:470::1"),
    ("10.0.0.1", ["[2001:470::1]"], "2001:470::1"),
    ("10.0.0.1", ["2001:470::1"], "2001:470::1"),
    ("10.0.0.1", ['"[2001:470::1]:443"'], "2001:470::1"),
    ("10.0.0.1", ['for="[2001:470::1]:443";proto=https;by=10.0.0.1'], "2001:470::1"),
    ("10.0.0.1", ["6.6.6.6, For=203.0.113.5, proto=https;for=10.9.9.9:80"], "203.0.113.5"),
    ("10.0.0.1", ["::FFFF:203.0.113.5"], "203.0.113.5"),
    ("10.0.0.1", ["::ffff:cb00:7105"], "203.0.113.5"),
    ("10.0.0.1", ["[::ffff:203.0.113.5]:80"], "203.0.113.5"),
    ("10.0.0.1", ["fe80::1%eth0"], "fe80::1"),
    ("10.0.0.1", ["203.0.113.5, ::ffff:10.1.2.3"], "203.0.113.5"),
    ("10.0.0.1", ["203.0.113.5, [2001:db8::2]:8443 , 10.1.2.3:80"], "203.0.113.5"),
    ("10.0.0.1", [", 203.0.113.5,, ,10.2.2.2,"], "203.0.113.5"),
    ("10.0.0.1", ["", "203.0.113.5", ""], "203.0.113.5"),
    ("10.0.0.1", ["6.6.6.6, unknown"], "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6, for=_hidden:_port"], "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2"),
    ("10.0.0.1", ["6.6.6.6, 203.0.113.005"], "10.0.0.1"),
    ("10.0.0.1", ["203.0.113.5" + ", 10.0.0.2" * 5_000], "10.0.0.2"),
    ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
    ("::ffff:203.0.113.7", ["6.6.6.6"], "203.0.113.7"),
    ("2001:db8::1%eth0", ["203.0.113.5"], "203.0.113.5"),
    ("testclient", ["6.6.6.6"], "testclient"),
    ("192.0.2.2", ["6.6.6.6"], "192.0.2.2"),
    (None, ["6.6.6.6"], "unknown")])
def test_the_right_most_address_that_is_no_trusted_proxys_is_the_clients(peer: str | None, forwarded: list[str], client: str) -> None:
    assert _client(PROXIES, peer, *forwarded) == client


def test_without_proxies_nobody_is_believed() -> None:
    assert _client(Addresses([]), "10.0.0.1", "6.6.6.6") == "10.0.0.1"


@pytest.mark.parametrize("proxy", [
    "10.0.0.1", "10.0.0.1/32", "10.0.0.1:8080", "10.9.9.9/8", "10.0.0.0/255.0.0.0", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80",
    "::ffff:10.0.0.0/104", '"10.0.0.1"', " 10.0.0.0/8 "])
def test_a_proxy_is_known_in_every_spelling_of_its_address_and_of_its_network(proxy: str) -> None:
    assert networks(proxy)
    assert _client(Addresses([proxy]), "10.0.0.1", "203.0.113.5") == "203.0.113.5"
    assert _client(Addresses([proxy]), "::ffff:10.0.0.1", "203.0.113.5") == "203.0.113.5"


@pytest.mark.parametrize("proxy", ["[2001:db8::1]", "[2001:db8::1]:443", "[2001:db8::]/32", "2001:db8::1%eth0", "2001:DB8::/64"])
def test_a_proxy_of_ipv6_is_known_in_every_spelling(proxy: str) -> None:
    assert networks(proxy)
    assert _client(Addresses([proxy]), "2001:db8::1", "203.0.113.5") == "203.0.113.5"


@pytest.mark.parametrize("proxy", ["10.0.0.0/33", "10.0.0", "proxy.example", "[10.0.0.0/8]", "::ffff:10.0.0.0/8/8", "1" * 200])
def test_what_is_no_network_stops_the_start(proxy: str) -> None:
    with pytest.raises(ValueError, match="must be IP addresses or networks"):
        networks(proxy)
    with pytest.raises(ValueError, match="no networks"):
        Addresses([proxy])


def test_what_a_proxy_forwards_and_is_no_address_is_logged_once_and_only_so_often(caplog: pytest.LogCaptureFixture) -> None:
    addresses = Addresses(["10.0.0.1"])

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            for hop in ("nonsense", "unknown", "_hidden", "203.0.113.5:80"):
                _client(addresses, "10.0.0.1", hop)
        once = [record.getMessage() for record in caplog.records]
        for number in range(1_000):
            _client(addresses, "10.0.0.1", f"nonsense {number}\x1b[31m" + "x" * 10_000)

    assert len(once) == 1
    assert "'nonsense'" in once[0]
    assert len(caplog.records) == 20
    assert all("\x1b" not in record.getMessage() and len(record.getMessage()) < 300 for record in caplog.records)


@given(st.lists(st.ip_addresses().map(str) | st.text(st.characters(max_codepoint=255), max_size=20), max_size=5))
def test_what_a_client_forwards_by_itself_never_moves_the_address_that_the_proxy_saw(lies: list[str]) -> None:
    assert _client(PROXIES, "10.0.0.1", ", ".join([*lies, "198.51.100.1"])) == "198.51.100.1"


@pytest.mark.parametrize(("address", "counted"), [
    ("198.51.100.1", "198.51.100.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::ffff:198.51.100.1", "198.51.100.1"),
    ("2001:db8:1:2:3:4:5:6%eth0", "2001:db8:1:2::/64"), ("[2001:db8:1:2::1]:80", "2001:db8:1:2::/64"), ("203.0.113.5:80", "203.0.113.5"),
    ("unknown", "unknown")])
def test_limits_count_a_network_of_ipv6_as_one_address(address: str, counted: str) -> None:
    assert rate_limit_key(address) == counted
