"""The client's address: the peer's, or the one that a trusted proxy vouches for."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Network = IPv4Network | IPv6Network
_UNKNOWN = "unknown"
# One customer of a provider has at least a /64 of IPv6: limits that count single addresses would be no limits.
_PREFIX = 64


class Addresses:
    """Knows the proxies whose X-Forwarded-For is believed."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._proxies: tuple[Network, ...] = tuple(ip_network(proxy, strict=False) for proxy in proxies)

    def client(self, scope: Scope) -> str:
        """The right-most address on the way here that is not a trusted proxy's; the peer's if the header lists none."""
        peer = (scope.get("client") or (_UNKNOWN,))[0]
        if not self._proxies or not self._trusted(peer):
            return str(peer)
        nearest = str(peer)
        for hop in reversed(list(_forwarded(scope))):
            if not _is_address(hop):
                return nearest
            nearest = hop
            if not self._trusted(hop):
                return hop
        return nearest

    def _trusted(self, text: str) -> bool:
        if not _is_address(text):
            return False
        address = ip_address(text)
        return any(address in network for network in self._proxies if network.version == address.version)


@lru_cache(maxsize=4096)
def limited_as(address: str) -> str:
    """The address as limits count it: an IPv6 address stands for its network."""
    if not _is_address(address):
        return address
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, _PREFIX), strict=False))
    return str(parsed)


def _forwarded(scope: Scope) -> Iterable[str]:
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            yield from (hop.strip() for hop in value.decode("latin-1").split(","))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
