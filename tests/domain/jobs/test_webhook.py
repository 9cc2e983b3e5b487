"""Webhooks: whom the server tells of a job's end, and whom it never connects to."""
from __future__ import annotations

import hmac
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.errors import Invalid, Refusal, Unprocessable
from api.domain.jobs.webhook import (
    MAX_ATTEMPTS,
    WebhookTarget,
    check_webhook_url,
    is_listed,
    may_be_reached,
    next_attempt,
    signature,
    webhook_target,
)
from api.domain.random_source import RandomSource
from tests.builders import NOW

HOSTS = ("hooks.example", "*.ci.example", "8.8.8.8", "2606:4700::1", "10.1.2.3", "127.0.0.1", "::1", "169.254.169.254")
INSIDE = [ip_network(text) for text in (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "0.0.0.0/8", "224.0.0.0/3")]


@pytest.mark.parametrize(("url", "target"), [
    ("https://hooks.example", WebhookTarget("https", "hooks.example", 443, "/")),
    ("HTTPS://Hooks.Example/A?b=%20c", WebhookTarget("https", "hooks.example", 443, "/A?b=%20c")),
    ("https://hooks.example:8443?x=1", WebhookTarget("https", "hooks.example", 8443, "/?x=1")),
    ("https://a.b.ci.example/x", WebhookTarget("https", "a.b.ci.example", 443, "/x")),
    ("https://8.8.8.8/x", WebhookTarget("https", "8.8.8.8", 443, "/x")),
    ("https://[2606:4700:0::1]:444/x", WebhookTarget("https", "2606:4700::1", 444, "/x")),
])
def test_a_url_of_a_listed_host_leads_somewhere(url: str, target: WebhookTarget) -> None:
    assert webhook_target(url, HOSTS, private=False) == target
    check_webhook_url(url, HOSTS, private=False)


@pytest.mark.parametrize("url", [
    "", "hooks.example", "ftp://hooks.example/", "https://", "https:///x", "https://user@hooks.example/", "https://u:p@hooks.example/",
    "https://hooks.example/#part", "https://hooks.example\\@evil.example/", "https://hooks.example/ x", "https://hooks.example/\nHost: x",
    "https://hooks.example:0/", "https://hooks.example:65536/", "https://hooks.example:99999/", "https://hooks.example:/",
    "https://hooks.example./", "https://-a.ci.example/", "https://hooks..example/", "https://h\u00f6oks.example/", "https://0x7f.1/",
    "https://2130706433/", "https://127.1/", "https://0177.0.0.1/", "https://[8.8.8.8]/", "https://[::1%25lo]/", "https://[:]/",
    "http://hooks.example/", "https://hooks.example/" + "x" * 2000, "https://hooks.example/\n",
    # Without regard to case these are an s and a k.
    "https://hooks.example/\u017f", "https://hoo\u212as.example/"])
def test_what_is_no_plain_https_url_is_refused_as_malformed(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        webhook_target(url, HOSTS, private=False)

    assert set(refused.value.details["fields"]) == {"web_hook"}


@pytest.mark.parametrize("url", [
    "https://evil.example/", "https://ci.example/", "https://xci.example/", "https://hooks.example.evil.example/", "https://8.8.4.4/",
    "https://10.1.2.3/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/"])
def test_other_hosts_and_private_addresses_are_refused(url: str) -> None:
    with pytest.raises(Unprocessable):
        webhook_target(url, HOSTS, private=False)


def test_private_networks_and_plain_http_can_be_allowed() -> None:
    reached = [webhook_target(url, HOSTS, private=True).authority for url in (
        "http://10.1.2.3:8080/", "https://127.0.0.1/", "http://[::1]:81/", "http://hooks.example/")]

    assert reached == ["10.1.2.3:8080", "127.0.0.1", "[::1]:81", "hooks.example"]


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://169.254.169.254/"])
def test_public_addresses_by_plain_http_and_the_clouds_own_are_refused_also_then(url: str) -> None:
    with pytest.raises(Unprocessable):
        webhook_target(url, HOSTS, private=True)


def test_an_empty_list_lets_nobody_be_told() -> None:
    with pytest.raises(Unprocessable):
        webhook_target("https://hooks.example/", (), private=True)


def test_a_suffix_stands_for_names_alone() -> None:
    assert not is_listed("1.2.3.4", ["*.3.4"])
    assert is_listed("a.b", ["*.B"])


@settings(deadline=None)
@given(st.text(max_size=60).map(lambda rest: "https://hooks.example" + rest) | st.from_regex(r"https?://[!-~]{1,40}", fullmatch=True))
def test_whatever_is_accepted_leads_to_the_same_host_for_every_reader(url: str) -> None:
    try:
        target = webhook_target(url, HOSTS, private=False)
    except Refusal:
        return

    read = urlsplit(url)
    assert (read.scheme, read.hostname, read.port or 443) == (target.scheme, target.host, target.port)
    assert (read.username, read.fragment) == (None, "")
    assert target.target.startswith("/") and target.target.isascii() and " " not in target.target


@pytest.mark.parametrize("text", [
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::", "224.0.0.1",
    "ff02::1", "240.0.0.1", "255.255.255.255", "fec0::1", "2001:db8::1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"])
def test_some_addresses_are_never_reached(text: str) -> None:
    assert not any(may_be_reached(ip_address(text), scheme, private) for scheme in ("https", "http") for private in (False, True))


@settings(deadline=None)
@given(st.sampled_from(INSIDE).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address))).map(IPv4Address))
def test_no_address_of_this_network_is_reached_unless_allowed_however_it_is_written(address: IPv4Address) -> None:
    written = [
        address, IPv6Address(f"::ffff:{address}"), IPv6Address((0x64FF9B << 96) | int(address)),
        IPv6Address((0x2002 << 112) | int(address) << 80)]

    assert not any(may_be_reached(each, "https", private=False) for each in written)


@settings(deadline=None)
@given(st.ip_addresses())
def test_what_may_be_reached_without_leave_is_public_and_goes_by_https(address: IPv4Address | IPv6Address) -> None:
    assert not may_be_reached(address, "http", private=False)
    if may_be_reached(address, "https", private=False):
        assert address.is_global or isinstance(address, IPv6Address)
        assert may_be_reached(address, "https", private=True)
    if may_be_reached(address, "http", private=True):
        assert not may_be_reached(address, "https", private=False)


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(0, 1 << 40), st.binary(), st.binary())
def test_a_signature_is_of_its_secret_time_and_body_alone(secret: str, timestamp: int, body: bytes, other: bytes) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    expected = hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, "sha256").hexdigest()

    assert signature(secret, timestamp, body) == f"sha256={expected}"
    assert (signature(secret, timestamp, other) == f"sha256={expected}") == (other == body)


@settings(deadline=None)
@given(st.integers(1, MAX_ATTEMPTS + 3), st.binary(min_size=2, max_size=2))
def test_a_hook_that_failed_waits_longer_each_time_and_is_given_up_in_the_end(attempts: int, drawn: bytes) -> None:
    due = next_attempt(attempts, NOW, RandomSource(lambda length: drawn))

    if attempts >= MAX_ATTEMPTS:
        assert due is None
    else:
        middle = min(timedelta(hours=1), timedelta(seconds=10 * 2 ** (attempts - 1)))
        assert due is not None
        assert 0.75 * middle <= due - NOW <= 1.25 * middle
