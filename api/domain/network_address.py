"""Parses IP addresses and networks in the spellings of sockets, proxies and operators."""
from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Longer than any address with its zone, its port, brackets and quotes.
_MAX_LENGTH = 120
_PORT = r"(?::[0-9A-Za-z._-]{0,40})?"
_BRACKETED = re.compile(r"\[([^\[\]]*)\]" + _PORT)
_WITH_PORT = re.compile(r"([0-9.]+)" + _PORT)
_MAPPED = IPv6Network("::ffff:0:0/96")


def read_address(text: str) -> Address | None:
    """The address that a text stands for, or None: quotes, brackets, a port and a zone may be around it, and IPv6 may carry IPv4."""
    if len(text) > _MAX_LENGTH:
        return None
    try:
        address = ip_address(_bare(text))
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def read_network(text: str) -> Network | None:
    """The network that a text stands for, in the same spellings, or None; an address is the network of itself alone."""
    if len(text) > _MAX_LENGTH:
        return None
    written, slash, size = _unquoted(text).partition("/")
    try:
        network = ip_network(_bare(written) + slash + size, strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen))
    return network


def _bare(text: str) -> str:
    written = _unquoted(text)
    found = _BRACKETED.fullmatch(written) or _WITH_PORT.fullmatch(written)
    inner = found[1] if found else written
    return inner.partition("%")[0] if ":" in inner else inner


def _unquoted(text: str) -> str:
    written = text.strip()
    if len(written) > 1 and written[0] == written[-1] == '"':
        return written[1:-1].strip()
    return written
