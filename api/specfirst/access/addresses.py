"""The client's address: the peer's, or the one that a trusted proxy forwards."""
from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from starlette.types import Scope

from api.domain.network_address import Address, Network, read_address, read_network

log = logging.getLogger(__name__)

_UNKNOWN = "unknown"
# One customer of a provider has at least a /64 of IPv6: limits that count single addresses would be no limits.
_PREFIX = 64
# No request passes more proxies; a longer header is cut, to bound the work.
_MAX_HOPS = 32
_MAX_COMPLAINTS = 20
_SHOWN = 60


class Addresses:
    """Derives client addresses from X-Forwarded-For headers of trusted proxies."""

    def __init__(self, proxies: Sequence[str]) -> None:
        networks = {proxy: read_network(proxy) for proxy in proxies}
        wrong = [proxy for proxy, network in networks.items() if network is None]
        if wrong:
            raise ValueError(f"no networks: {', '.join(wrong)}")
        self._proxies: tuple[Network, ...] = tuple(network for network in networks.values() if network is not None)
        self._complained: set[str] = set()

    def client(self, scope: Scope) -> str:
        """The right-most address on the way here that is not a trusted proxy's; the peer's if the header lists none."""
        peer = str((scope.get("client") or (_UNKNOWN,))[0])
        nearest = read_address(peer)
        if nearest is None:
            return peer
        if self._trusted(nearest):
            for hop in _forwarded(scope):
                found = self._read(hop)
                if found is None:
                    break
                nearest = found
                if not self._trusted(found):
                    break
        return str(nearest)

    def _trusted(self, address: Address) -> bool:
        return any(address in network for network in self._proxies if network.version == address.version)

    def _read(self, hop: str) -> Address | None:
        """The address of a hop; what is neither one nor says that there is none is told the operator, once."""
        written = _node(hop)
        address = read_address(written)
        if address is None and written.lower() != _UNKNOWN and not written.startswith("_"):
            self._warn(hop[:_SHOWN])
        return address

    def _warn(self, hop: str) -> None:
        if hop not in self._complained and len(self._complained) < _MAX_COMPLAINTS:
            self._complained.add(hop)
            log.warning("a trusted proxy's X-Forwarded-For has %r, which is no address: such requests count as the proxy's own", hop)


@lru_cache(maxsize=4096)
def rate_limit_key(address: str) -> str:
    """The key of an address in rate limits: for IPv6 its network."""
    parsed = read_address(address)
    if parsed is None:
        return address
    return str(ip_network((parsed, _PREFIX), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


def _forwarded(scope: Scope) -> Iterable[str]:
    """The hops that X-Forwarded-For has, the nearest first; a proxy that adds to an empty header leaves a blank one."""
    values = [value.decode("latin-1") for name, value in reversed(scope["headers"]) if name == b"x-forwarded-for"]
    hops = (hop.strip() for value in values for hop in reversed(value.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]))
    yield from [hop for hop in hops if hop][:_MAX_HOPS]


def _node(hop: str) -> str:
    """The node of a hop that is written as the pairs of `Forwarded` (RFC 7239), or the hop itself."""
    for pair in hop.split(";"):
        name, equals, value = pair.partition("=")
        if equals and name.strip().lower() == "for":
            return value.strip().strip('"')
    return hop.strip('"')
