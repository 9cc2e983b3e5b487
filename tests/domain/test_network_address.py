"""Addresses and networks in the spellings that sockets, proxies and operators use."""
from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.network_address import read_address, read_network

ADDRESSES = st.ip_addresses()


@pytest.mark.parametrize(("text", "address"), [
    ("203.0.113.5", "203.0.113.5"), ("203.0.113.5:51234", "203.0.113.5"), ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1",
    "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"), ("::ffff:127.0.0.1", "127.0.0.1"), ("[::ffff:127.0.0.1]:80", "127.0.0.1"), ("fe80::1%eth0",
    "fe80::1"),
    ('"203.0.113.5:80"', "203.0.113.5"), ('" 203.0.113.5 "', "203.0.113.5"), (" 203.0.113.5 ", "203.0.113.5"),
])
def test_an_address_is_read_in_every_spelling(text: str, address: str) -> None:
    assert read_address(text) == ip_address(address)


@pytest.mark.parametrize("text", [
    "", "unknown", "_hidden", "203.0.113", "203.0.113.5.6", "[2001:db8::1", "a" * 200, '"', "::1::", "1.2.3.4/8"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_address(text) is None


@pytest.mark.parametrize(("text", "network"), [
    ("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3/8", "10.0.0.0/8"), ("203.0.113.5", "203.0.113.5/32"), ("[2001:db8::]/32", "2001:db8::/32"),
    ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:127.0.0.1", "127.0.0.1/32"), ('"10.0.0.0/8"', "10.0.0.0/8"),
])
def test_a_network_is_read_in_every_spelling(text: str, network: str) -> None:
    assert read_network(text) == ip_network(network)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0.0/", "everywhere", "a" * 200])
def test_what_is_no_network_is_none(text: str) -> None:
    assert read_network(text) is None


@given(address=ADDRESSES, port=st.integers(0, 65535))
def test_a_port_changes_nothing(address: object, port: int) -> None:
    written = f"[{address}]" if ":" in str(address) else str(address)

    assert read_address(f"{written}:{port}") == read_address(str(address)) is not None


@given(st.text(max_size=150))
def test_any_text_is_an_address_or_none(text: str) -> None:
    read_address(text)
    read_network(text)
