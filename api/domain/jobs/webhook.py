"""Webhooks: which addresses are allowed, the signature, and when a delivery is retried."""
from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from api.domain.errors import Invalid, Unprocessable
from api.domain.random_source import RandomSource

Address = IPv4Address | IPv6Address

MAX_URL_LENGTH = 2000
MAX_ATTEMPTS = 12
FIRST_DELAY = timedelta(seconds=10)
MAX_DELAY = timedelta(hours=1)
PORTS = {"https": 443, "http": 80}

# One reading for check and use: nothing is taken that two readers of URLs could take apart differently.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?)", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
# What clouds tell their machines, secrets among it, also where no address looks private.
_METADATA = frozenset({
    ip_address(text) for text in ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")})
_PRIVATE = tuple(
    ip_network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"))
_SITE_LOCAL = IPv6Network("fec0::/10")
_TRANSLATED = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where a webhook goes; `host` is a name in lower case or an address without brackets, `target` the path with the query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def check_webhook_url(url: str, hosts: Sequence[str], private: bool) -> None:
    """Whether a webhook may be asked for: see `webhook_target`."""
    webhook_target(url, hosts, private)


def webhook_target(url: str, hosts: Sequence[str], private: bool) -> WebhookTarget:
    """Where a URL leads, if its host is on the list. Raises Invalid for what is no such URL, Unprocessable for other hosts.

    `hosts` are names, addresses, or `*.suffix` for all names below the suffix. Plain http is for private networks, and so taken only
    where those are allowed; where a name leads is seen when the hook is sent.
    """
    found = _URL.fullmatch(url) if len(url) <= MAX_URL_LENGTH else None
    host = _host(found["host"].lower()) if found else None
    if found is None or host is None or int(found["port"] or 0) > 0xFFFF:
        raise Invalid({"web_hook": "Must be an https URL without user and fragment."})
    scheme = found["scheme"].lower()
    if scheme == "http" and not private:
        raise Invalid({"web_hook": "Must be an https URL."})
    if not is_listed(host, hosts):
        raise _not_allowed()
    address = _as_address(host)
    if address is not None and not may_be_reached(address, scheme, private):
        raise _not_allowed()
    target = found["target"] or "/"
    return WebhookTarget(scheme, host, int(found["port"] or PORTS[scheme]), target if target.startswith("/") else "/" + target)


def is_listed(host: str, hosts: Sequence[str]) -> bool:
    """Whether a host is among those; `*.suffix` stands for the names below the suffix, never for an address."""
    for listed in (each.lower() for each in hosts):
        if host == listed or (listed.startswith("*.") and host.endswith(listed[1:]) and _as_address(host) is None):
            return True
    return False


def may_be_reached(address: Address, scheme: str, private: bool) -> bool:
    """Whether an address may be connected to: a public one by https, one of a private network only where that is allowed.

    Link-local addresses and those at which clouds tell their machines' secrets never may.
    """
    address = _inner(address)
    if address in _METADATA:
        return False
    if any(address in network for network in _PRIVATE):
        return private
    special = address.is_multicast or address.is_reserved or address.is_private or address in _SITE_LOCAL
    return scheme == "https" and address.is_global and not special


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What proves to the receiver that the body is ours, and from when."""
    return "sha256=" + hmac.new(secret.encode(), b"%d." % timestamp + body, sha256).hexdigest()


def next_attempt(attempts: int, now: datetime, random_source: RandomSource) -> datetime | None:
    """When a hook is sent again that failed so many times, later each time and not all at once; None where it is given up."""
    if attempts >= MAX_ATTEMPTS:
        return None
    delay = min(MAX_DELAY, FIRST_DELAY * (1 << (attempts - 1)))
    share = int.from_bytes(random_source.random_bytes(2)) / 0xFFFF
    return now + delay * (0.75 + share / 2)


def _host(text: str) -> str | None:
    if text.startswith("["):
        return str(address) if isinstance(address := _as_address(text[1:-1]), IPv6Address) else None
    # A last label of digits makes some readers see an address where others see a name.
    return text if isinstance(_as_address(text), IPv4Address) or _NAME.fullmatch(text) else None


def _as_address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that is reached by way of an IPv6 one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 0xFFFF):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _not_allowed() -> Unprocessable:
    return Unprocessable(
        "Webhooks to this host are not allowed.", {"field": "web_hook"},
        remedy="Ask the operator to add the host to those that may be told.")
